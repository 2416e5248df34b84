"""As many programs at once as there are places, first come first served."""

import asyncio

from reel_executor.runner.admission import Admission


async def test_never_more_than_there_are_places_and_in_order() -> None:
    admission = Admission(2)
    begun: list[int] = []
    most = 0

    async def program(number: int) -> None:
        nonlocal most
        async with admission.place():
            begun.append(number)
            most = max(most, admission.running)
            await asyncio.sleep(0.001 * (number % 3))

    await asyncio.gather(*(program(n) for n in range(20)))
    assert begun == list(range(20))
    assert most == 2
    assert (admission.running, admission.waiting) == (0, 0)


async def test_who_has_to_wait_is_told_once() -> None:
    admission = Admission(1)
    told = 0

    async def on_wait() -> None:
        nonlocal told
        told += 1

    async with admission.place(on_wait):
        assert told == 0
        second = asyncio.create_task(_hold(admission, on_wait))
        await asyncio.sleep(0)
        assert (told, admission.waiting) == (1, 1)
    await second
    assert told == 1


async def test_who_goes_away_while_waiting_takes_no_place() -> None:
    admission = Admission(1)
    async with admission.place():
        waiting = [asyncio.create_task(_hold(admission)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        waiting[2].cancel()
        await asyncio.wait(waiting[::2])
        assert admission.waiting == 1
    await waiting[1]
    async with asyncio.timeout(1):
        await _hold(admission)
    assert (admission.running, admission.waiting) == (0, 0)


async def test_a_place_is_given_back_by_a_failure() -> None:
    admission = Admission(1)
    for _ in range(3):
        try:
            async with admission.place():
                raise ValueError
        except ValueError:
            pass
    async with asyncio.timeout(1):
        await _hold(admission)


async def _hold(admission: Admission, on_wait: object = None) -> None:
    async with admission.place(on_wait):  # type: ignore[arg-type]
        await asyncio.sleep(0)
