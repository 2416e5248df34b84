"""The ledger's statements. Each has one fixed shape however many rows it writes: rows come as one JSON array.

The writes of a change are parts that are put together: on PostgreSQL as the CTEs of one statement, on SQLite one after
the other in one transaction. Both begin with the guard: the job's row is written only if it is still as it was read,
and nothing else is written if it is not.
"""

from __future__ import annotations

GUARD = """update jobs set version = jobs.version + 1,
    state = coalesce(value->>'state', state),
    ending = coalesce(value->>'ending', ending),
    paused = coalesce(cast(value->>'paused' as integer), paused),
    degraded = coalesce(value->>'degraded', degraded),
    delivery = coalesce(value->>'delivery', delivery),
    error = coalesce(value->>'error', error),
    event_seq = cast(value->>'event_seq' as bigint),
    ended = case when value->>'ended' is null then ended else {now} end
    from {rows:job} where jobs.id = value->>'id' and jobs.version = cast(value->>'seen' as bigint)"""

STEPS = """update steps set state = value->>'state',
    result = coalesce(value->>'result', result),
    error = case when value->>'state' = 'done' then null else coalesce(value->>'error', error) end,
    content_key = coalesce(value->>'content_key', content_key),
    crashes = crashes + coalesce(cast(value->>'crashes' as integer), 0),
    attempt = attempt + coalesce(cast(value->>'attempt' as integer), 0),
    epoch = epoch + coalesce(cast(value->>'epoch' as integer), 0),
    worker = coalesce(value->>'worker', worker),
    code_version = coalesce(value->>'code_version', code_version),
    lease_until = case when value->>'state' = 'running'
        then {now} + cast(value->>'lease' as double precision) else lease_until end,
    started = case when value->>'state' = 'running' then coalesce(started, {now}) else started end,
    ended = case when value->>'state' in ('done', 'failed', 'cancelled') then {now} else ended end,
    ready_at = case when value->>'state' = 'ready' then {now} else ready_at end,
    not_before = case when value->>'wait' is null
        then not_before else {now} + cast(value->>'wait' as double precision) end
    from {rows:steps} where steps.id = value->>'id' and steps.state = value->>'was'"""

NEW_STEPS = """insert into steps (id, job, owner, step, item, rev, kind, take, state, attempt, crashes, epoch, worker,
    code_version, lease_until, started, not_before, rung_at, ready_at, needs, input, on_failure)
    select value->>'id', value->>'job', value->>'owner', value->>'step', cast(value->>'item' as integer),
    cast(value->>'rev' as integer), value->>'kind', cast(value->>'take' as integer), value->>'state',
    coalesce(cast(value->>'attempt' as integer), 0), 0, coalesce(cast(value->>'epoch' as integer), 0), value->>'worker',
    value->>'code_version', {now} + cast(value->>'lease' as double precision),
    case when value->>'state' = 'running' then {now} end, 0, 0,
    case when value->>'state' = 'ready' then {now} end, value->>'needs', value->>'input',
    value->>'on_failure' from {rows:new_steps}"""

EVENTS = """insert into events (job, seq, type, data, at)
    select value->>'job', cast(value->>'seq' as bigint), value->>'type', value->>'data', {now} from {rows:events}"""

OUTBOX = """insert into outbox (id, type, job, owner, step, created)
    select value->>'id', value->>'type', value->>'job', value->>'owner', value->>'step', {now} from {rows:outbox}"""

WAITS = """insert into waits (need, job) select value->>'need', value->>'job' from {rows:waits}"""

NO_MORE_WAITS = """delete from waits where job in (select value->>'id' from {rows:no_more_waits})"""

ASSETS = """insert into assets (id, owner, job, step, source, role, state, name, media_type, sha256, size, facts, created)
    select value->>'id', value->>'owner', value->>'job', value->>'step', value->>'source', value->>'role',
    value->>'state', value->>'name', value->>'media_type', value->>'sha256', cast(value->>'size' as bigint),
    value->>'facts', {now} from {rows:assets}"""

INGESTED = """update assets set state = value->>'state', facts = coalesce(value->>'facts', facts),
    error = coalesce(value->>'error', assets.error)
    from {rows:ingested} where assets.id = value->>'id' and assets.owner = value->>'owner' and assets.state = 'ingesting'"""

RESULTS = """insert into results (owner, content_key, result, created)
    select value->>'owner', value->>'content_key', value->>'result', {now} from {rows:results} where true
    on conflict (owner, content_key) do nothing"""

VERSIONS = """update versions set state = value->>'state', delivery = coalesce(value->>'delivery', delivery)
    from {rows:versions} where versions.job = value->>'job' and versions.state = 'pending'"""

HEADS = """update sessions set head = versions.id from versions, {rows:heads}
    where versions.job = value->>'job' and sessions.id = versions.session"""

NEW_JOB = """insert into jobs (id, owner, kind, subject, request, metadata, state, event_seq, deadline, created)
    select value->>'id', value->>'owner', value->>'kind', value->>'subject', value->>'request', value->>'metadata',
    value->>'state', cast(value->>'event_seq' as bigint), {now} + cast(value->>'deadline_s' as double precision), {now}
    from {rows:new_job}"""

NEW_VERSION = """insert into versions (id, session, owner, branch, parent, job, state, prompt, created)
    select value->>'id', value->>'session', value->>'owner', value->>'branch', value->>'parent', value->>'job',
    'pending', value->>'prompt', {now} from {rows:new_version}"""

NEW_KEY = """insert into idempotency (owner, key, request_sha256, made, created)
    select value->>'owner', value->>'key', value->>'request_sha256', value->>'made', {now} from {rows:new_key}"""

CHANGE = {
    "steps": STEPS, "new_steps": NEW_STEPS, "events": EVENTS, "outbox": OUTBOX, "waits": WAITS, "assets": ASSETS,
    "ingested": INGESTED, "results": RESULTS, "versions": VERSIONS, "heads": HEADS, "no_more_waits": NO_MORE_WAITS,
}  # fmt: skip
"""Parts that a change of a job may have beside the guard."""

SUBMIT = {
    "new_job": NEW_JOB, "new_version": NEW_VERSION, "new_key": NEW_KEY, "new_steps": NEW_STEPS, "assets": ASSETS,
    "waits": WAITS, "events": EVENTS, "outbox": OUTBOX,
}  # fmt: skip
"""Parts of a new job."""

_OTHERS = """(exists(select 1 from steps o where o.state = 'ready' and o.kind in ({kinds}) and o.owner < jobs.owner)
    or exists(select 1 from steps o where o.state = 'ready' and o.kind in ({kinds}) and o.owner > jobs.owner))"""
"""Whether another owner waits for a step of these kinds: two probes of the index, however long the backlog."""

_JOB = """jobs.id, jobs.owner, jobs.kind, jobs.subject, jobs.state, jobs.ending, jobs.paused, jobs.request, jobs.version,
    jobs.event_seq, jobs.deadline < {now} as overdue,
    (select {aggregate}({record}('id', id, 'step', step, 'item', item, 'rev', rev, 'kind', kind, 'take', take,
        'state', state, 'attempt', attempt, 'crashes', crashes, 'epoch', epoch, 'needs', needs, 'input', input,
        'result', result, 'error', error, 'on_failure', on_failure,
        'late', case when state = 'running' and lease_until < {now} then 1 else 0 end))
        from steps where steps.job = jobs.id) as steps,
    (select {aggregate}({record}('need', need, 'asset', (select assets.state from assets where assets.id = substr(need, 7)),
        'job', (select other.state from jobs other where other.id = substr(need, 5)),
        'error', coalesce((select assets.error from assets where assets.id = substr(need, 7)),
            (select other.error from jobs other where other.id = substr(need, 5)))))
        from waits where waits.job = jobs.id) as outside,
    {_OTHERS} as others,
    exists(select 1 from waits where need = 'job:' || jobs.id) as awaited""".replace("{_OTHERS}", _OTHERS)

READ = f"select {_JOB} from jobs where jobs.id = :job"
"""A job, its steps and what it waits for, as one row: one snapshot, one trip."""

UNLESS_OTHERS = f"{GUARD} and not {_OTHERS}"
"""The guard of a change in which the worker goes straight on: not past another owner who waits."""

CLAIM = """with recursive kinds(kind) as (values {claimed_kinds}),
    owners(kind, owner) as (
        select kind, (select min(owner) from steps where state = 'ready' and steps.kind = kinds.kind) from kinds
        union all
        select o.kind, (select min(owner) from steps where state = 'ready' and steps.kind = o.kind and steps.owner > o.owner)
        from owners o where o.owner is not null),
    busy as (select owner, count(*) as n from steps where state = 'running'
        and kind in (select kind from kinds) group by owner),
    fair as (select x.id, x.ready_at, coalesce(busy.n, 0) + row_number() over (partition by o.owner order by x.ready_at) as turn
        from owners o left join busy on busy.owner = o.owner
        {nearest: select id, ready_at from steps s where s.state = 'ready' and s.kind = o.kind and s.owner = o.owner
            and s.not_before <= {now} order by s.ready_at limit :n}
        where o.owner is not null order by turn, x.ready_at limit :wide),
    mine as (select steps.id from steps join fair on fair.id = steps.id where coalesce(steps.state, '') = 'ready'
        order by fair.turn, fair.ready_at limit :n {skip_locked})
    update steps set state = 'running', worker = :worker, code_version = :code_version, epoch = epoch + 1,
    attempt = attempt + 1, lease_until = {now} + :lease, started = coalesce(started, {now})
    from mine where steps.id = mine.id and coalesce(state, '') = 'ready'
    returning steps.id as c_id, job as c_job, owner as c_owner, step as c_step, item as c_item, rev as c_rev, kind as c_kind,
    take as c_take, attempt as c_attempt, crashes as c_crashes, epoch as c_epoch, input as c_input"""
"""The next fair rows: of the owner with the fewest at work, then the oldest. Owners by a loose index scan.

``coalesce`` keeps the planner from looking for the chosen rows in the index of all ready ones, which it takes for short.
"""

CLAIM_AND_READ = (
    CLAIM.replace(")\n    update steps", "),\n    claimed as (update steps")
    + f""")
    select claimed.*, {_JOB} from claimed join jobs on jobs.id = claimed.c_job"""
)
"""The same with the job of each row beside it, as it was before: for PostgreSQL, which can do both in one trip."""

HEARTBEAT = """update steps set lease_until = {now} + :lease from {rows:held}
    where steps.id = value->>'id' and steps.epoch = cast(value->>'epoch' as integer) and steps.state = 'running'
    returning steps.id, steps.epoch, (select ending from jobs where jobs.id = steps.job) as ending"""

EXPIRED = "select job, id, epoch from steps where state = 'running' and lease_until < {now} limit :n"
HELD_BY_ANY = "select job, id, epoch from steps where state = 'running'"
STALLED = """select id from jobs where ended is null and paused = 0 and created < {now} - :quiet
    and (state <> 'needs_approval' or ending is not null)
    and not exists (select 1 from steps where steps.job = jobs.id and state in ('ready', 'running'))
    and not exists (select 1 from waits left join assets on assets.id = substr(need, 7)
        left join jobs other on other.id = substr(need, 5) where waits.job = jobs.id
        and (assets.state in ('uploading', 'ingesting') or (other.id is not null and other.ended is null)))
    order by created limit :n"""
"""Those that wait for a person, an upload or another job are left out: they may be many, and wait for long."""
OVERDUE = "select id from jobs where ended is null and deadline < {now} and ending is null limit :n"
UNSENT = "select id, type, job, owner, step from outbox where created < {now} - :quiet order by created limit :n"
UNTOUCHED = """update steps set rung_at = {now} where id in (select id from steps where state = 'ready'
    and not_before <= {now} and ready_at < {now} - :quiet and rung_at < {now} - :again
    order by ready_at limit :n {skip_locked}) and coalesce(state, '') = 'ready' returning id, job, owner, kind"""
SENT = "delete from outbox where id in (select value->>'id' from {rows:sent})"
WAITING_JOBS = "select job from waits where need in (select value->>'need' from {rows:needs})"
BACKLOG = """select kind, state, count(*) as n, {now} - min(ready_at) as oldest from steps
    where state = 'ready' group by kind, state union all
    select kind, state, count(*), {now} - min(ready_at) from steps where state = 'running' group by kind, state"""
FORGET_KEYS = "delete from idempotency where created < {now} - :age"
