/** What its sender has said about a batch: name, metadata, times, and what stops it. */
import type { ComponentChildren } from 'preact';
import type { Batch } from '../../../client/index.ts';
import { Ago } from '../../components/time.tsx';
import { count, moment } from '../../state/format.ts';
import { hrefOf } from '../../state/place.ts';

/** Actions named; the others are counted. */
const MAX_ACTIONS = 10;

export function Facts({ batch }: { batch: Batch }) {
  const { name, metadata = {}, startAt, deadlineAt, stopAfter, stoppedBy } = batch;
  const facts: [string, ComponentChildren][] = [];
  if (name !== undefined) facts.push(['Name', <Similar key="name" by="name" value={name} />]);
  for (const [label, value] of Object.entries(metadata))
    facts.push([label, <Similar key={`m ${label}`} by={`metadata.${label}`} value={value} />]);
  if (batch.actions?.length) facts.push(['Runs', <Actions key="actions" names={batch.actions} />]);
  if (startAt !== undefined) facts.push(['Starts', <At key="start" time={startAt} />]);
  if (deadlineAt !== undefined) facts.push(['Deadline', <At key="deadline" time={deadlineAt} />]);
  if (stopAfter !== undefined) facts.push(['Stops after', stopText(stopAfter)]);
  if (stoppedBy !== undefined)
    facts.push([
      'Stopped by',
      <span key="stopped" class="tag warn">
        {stoppedBy === 'deadline' ? 'its deadline' : 'its failures'}
      </span>,
    ]);
  if (facts.length === 0) return null;
  return (
    <dl class="facts">
      {facts.map(([label, value], at) => (
        // A name in the metadata may be that of another fact.
        <div key={at}>
          <dt>
            <bdi>{label}</bdi>
          </dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A text of the batch that leads to all batches which have it. */
function Similar({ by, value }: { by: string; value: string }) {
  return (
    <a href={hrefOf('/batches', { [by]: value })} title="Batches that have the same">
      <bdi>{value}</bdi>
    </a>
  );
}

function At({ time }: { time: string }) {
  return (
    <>
      {moment(time)} (<Ago at={time} />)
    </>
  );
}

function Actions({ names }: { names: readonly string[] }) {
  return (
    <>
      {names.slice(0, MAX_ACTIONS).map((name, at) => (
        <span key={name}>
          {at > 0 && ', '}
          <a class="mono" href={hrefOf(`/actions/${encodeURIComponent(name)}`)}>
            <bdi>{name}</bdi>
          </a>
        </span>
      ))}
      {names.length > MAX_ACTIONS && ` and ${count(names.length - MAX_ACTIONS)} more`}
    </>
  );
}

function stopText({ failed, failedPercent, finished }: NonNullable<Batch['stopAfter']>): string {
  const limits = [
    failed !== undefined && `${count(failed)} failed`,
    failedPercent !== undefined && `${failedPercent} % failed`,
  ].filter(Boolean);
  return `${limits.join(' or ')}${finished === undefined ? '' : `, once ${count(finished)} have run`}`;
}
