import asyncio, random, pytest, time
from tests.faults.test_storm import staged, ask, Storm
from tests.faults.conftest import *
@pytest.mark.timeout(300)
async def test_roll(open_world, seed, clips, broken):
    rng=random.Random(seed)
    asked = ask(rng, 60, 80, clips, broken)
    async with open_world() as world:
        async with staged(world, asked) as stage:
            storm = Storm(world, stage.herd, rng, 10)
            for n in range(40):
                name=f"drill-{n%4}"
                took=await stage.herd.stop(name)
                if took>1.5: world.say(name, took)
                if stage.herd.own_deaths: world.say(stage.herd.own_deaths); break
