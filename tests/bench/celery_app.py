"""A Celery application with one empty task, set up to lose as little as Celery can without quorum queues."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_AMQP_URL"], backend=os.environ["BENCH_REDIS_URL"])
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    result_expires=600,
    task_default_queue="bench",
)


@app.task  # type: ignore[untyped-decorator]
def empty(_: object = None) -> int:
    return 1
