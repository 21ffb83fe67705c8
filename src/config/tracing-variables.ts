/** The variables of OpenTelemetry that Batchwright reads itself; the SDK reads further ones. */
import { httpUrl, oneOf, share } from './parsers.ts';

const PROTOCOLS = ['http/protobuf', 'http/json'] as const;

/** In the form of `variables`. */
export const tracingVariables = {
  otlpEndpoint: {
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    parse: httpUrl,
    shownDefault: 'none: nothing is traced',
    help: 'the collector that gets [traces](operating.md#traces), such as `http://127.0.0.1:4318`; `/v1/traces` is added',
  },
  otlpTracesEndpoint: {
    name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    parse: httpUrl,
    shownDefault: 'none',
    help: 'the same as a whole address; nothing is added',
  },
  otlpProtocol: {
    name: 'OTEL_EXPORTER_OTLP_PROTOCOL',
    parse: oneOf(...PROTOCOLS),
    default: 'http/protobuf',
    help: '`http/protobuf` or `http/json`',
  },
  otlpTracesProtocol: {
    name: 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
    parse: oneOf(...PROTOCOLS),
    shownDefault: '`OTEL_EXPORTER_OTLP_PROTOCOL`',
    help: 'the same for traces alone',
  },
  tracesSampler: {
    name: 'OTEL_TRACES_SAMPLER',
    parse: oneOf(
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
      'always_on',
      'always_off',
      'traceidratio',
    ),
    default: 'parentbased_always_on',
    help:
      'which requests are traced, with all that follows from them: `always_on`, `always_off`, `traceidratio`, or ' +
      'with `parentbased_` before it, so that a caller that traces decides',
  },
  tracesSamplerArg: {
    name: 'OTEL_TRACES_SAMPLER_ARG',
    parse: share,
    default: '1',
    help: 'the share that `traceidratio` traces, from 0 to 1',
  },
  tracesExporter: {
    name: 'OTEL_TRACES_EXPORTER',
    parse: oneOf('otlp', 'none'),
    default: 'otlp',
    help: '`none` turns traces off',
  },
  otelSdkDisabled: {
    name: 'OTEL_SDK_DISABLED',
    parse: oneOf('true', 'false'),
    default: 'false',
    help: '`true` turns traces off too',
  },
};
