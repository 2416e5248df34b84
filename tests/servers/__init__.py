"""Real servers for tests: found by address, or started once a session in containers that a test may kill and revive.

`tests/plugins/servers.py` makes fixtures of them and ends a run with a table of what it ran against.

Settings, all from the environment:

- `REEL_TEST_AMQP_URL`, `REEL_TEST_DATABASE_URL`, `REEL_TEST_REDIS_URL`, `REEL_TEST_S3_URL` (keys as user and password):
  a server that runs already. It wins over everything, must be there for tests alone, and cannot be killed by them.
  RabbitMQ needs its management plugin (at port 15672, or `REEL_TEST_AMQP_MANAGEMENT_URL`).
- `REEL_TEST_IMAGE_RABBITMQ`, `…_POSTGRES`, `…_REDIS`, `…_MINIO`: the image to start. Without it the official one,
  else the one that `deploy/images/build` made, else the official one pulled, if a registry answers within seconds.
- `REEL_TEST_REQUIRE`: names, by comma (`rabbitmq,postgres,redis,s3,docker,bubblewrap`), whose absence fails a test
  instead of skipping it.
"""
