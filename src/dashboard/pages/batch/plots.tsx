/** Throughput and failures of a batch over time, from the database's times. */
import { useMemo } from 'preact/hooks';
import type { Batch, Timeline } from '../../../client/index.ts';
import { Plot } from '../../components/plot.tsx';
import { useAnswer } from '../../state/answer.ts';
import { count, rate } from '../../state/format.ts';
import { isEnded } from './restart.ts';

const BUCKETS = 120;

export function Plots({ batch }: { batch: Batch }) {
  const { asyncId, finishedAt } = batch;
  const isOver = isEnded(batch);
  const timeline = useAnswer<Timeline>(`/v1/batches/${asyncId}/timeline?buckets=${BUCKETS}`, {
    isLive: !isOver,
    version: finishedAt ?? '',
  });
  const series = useMemo(() => seriesOf(timeline.data), [timeline.data]);
  // One period has no course.
  if (series.times.length < 3) return null;
  return (
    <div class="plots">
      <Plot
        title="Jobs a second"
        times={series.times}
        values={series.throughput}
        color="--c-running"
        kind="area"
        format={rate}
        summary={`at most ${rate(Math.max(...series.throughput))}`}
      />
      <Plot
        title="Failures"
        times={series.times}
        values={series.failures}
        color="--c-failed"
        kind="bars"
        format={rate}
        summary={`${count(batch.counts.failed)} in all`}
      />
    </div>
  );
}

function seriesOf(timeline: Timeline | undefined) {
  const { data, secondsPerBucket } = timeline ?? { data: [], secondsPerBucket: 1 };
  return {
    times: data.map(({ at }) => Date.parse(at) / 1_000),
    throughput: data.map(({ succeeded, failed }) => (succeeded + failed) / secondsPerBucket),
    failures: data.map(({ failed }) => failed),
  };
}
