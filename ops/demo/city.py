#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The city of the demonstration: Nur-Sultan before its distribution of 10 June 2021.

Counts of places by birth year and the dates are those of the public notice (inva.kz, 4 June 2021). How many children
wait, in which categories and at how many kindergartens has no public figure: four for each place, 4 % out of turn,
24 % first priority, 420 kindergartens are assumed. Names and pseudonyms are made up from the seed; the same seed makes
the same city.

    city.py --seed 1 --register register.jsonl --vacancies vacancies.jsonl

writes two files for `kezek load`: the city with its register, and what its kindergartens report on 9 June.
"""
import argparse
import datetime
import json
import random

TERRITORY = 1
KINDERGARTENS = 420
PLACES_BY_BIRTH_YEAR = {2019: 6074, 2018: 9372, 2017: 5616, 2016: 3235}
CHILDREN_PER_PLACE = 4
CORRECTIONAL_SHARE = 0.04
CATEGORY_SHARES = [("out_of_turn", 0.04), ("first_priority", 0.24), ("general", 0.72)]
REGISTER_ENDS = datetime.datetime(2021, 6, 1, tzinfo=datetime.timezone.utc)
ZERO_ID = "0" * 32

NAMES = ["Айгөлек", "Балапан", "Балдырған", "Бәйтерек", "Еркемай", "Жұлдыз", "Қарлығаш", "Күншуақ", "Нұрсәт", "Тұлпар"]


def milliseconds(moment: datetime.datetime) -> int:
    return int(moment.timestamp() * 1000)


class City:
    """Makes the commands; each has a request id from the seed, so that loading twice changes nothing."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def hex(self, size: int) -> str:
        return self.random.randbytes(size).hex()

    def command(self, type_: str, **fields) -> dict:
        return {"request": self.hex(16), "type": type_, **fields}

    def frame(self):
        """The territory, its policy, a holiday, the kindergartens."""
        yield self.command("territory", territory=TERRITORY, name="Нұр-Сұлтан", utc_offset_minutes=360)
        yield self.command("policy", territory=TERRITORY, evening="18:00", morning="07:00", first_priority=1, general=3,
                           access_days=3, access_unit="working", referral_days=5, stop_list_days=0, unused_limit=3,
                           register_closed=False)
        yield self.command("calendar", date="2021-07-06", working=False)
        for number in range(1, KINDERGARTENS + 1):
            name = f"№{number} «{NAMES[number % len(NAMES)]}»"
            yield self.command("kindergarten", kindergarten=number, territory=TERRITORY, name=name, open=True)

    def category(self) -> str:
        draw = self.random.random()
        for category, share in CATEGORY_SHARES:
            if draw < share:
                return category
            draw -= share
        return "general"

    def applied_at(self, birth_year: int) -> int:
        """Some time between the child's birth and the end of the register; most apply within the first months."""
        birth = datetime.datetime(birth_year, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(
            days=self.random.randrange(365))
        days = max((REGISTER_ENDS - birth).days, 1)
        delay = min(self.random.expovariate(1 / 200), self.random.uniform(0, days))
        return milliseconds(birth) + int(delay * 86_400_000)

    def applications(self):
        children = []
        for birth_year, places in PLACES_BY_BIRTH_YEAR.items():
            children += [birth_year] * (places * CHILDREN_PER_PLACE)
        self.random.shuffle(children)
        for birth_year in children:
            category = self.category()
            yield self.command(
                "application", territory=TERRITORY, birth_year=birth_year,
                kind="correctional" if self.random.random() < CORRECTIONAL_SHARE else "ordinary", category=category,
                evidence=ZERO_ID if category == "general" else self.hex(16), child=self.hex(16),
                secret_hash=self.hex(32), applied_at=self.applied_at(birth_year))

    def vacancies(self):
        """Every place of the notice, at a kindergarten drawn for it."""
        for birth_year, places in PLACES_BY_BIRTH_YEAR.items():
            reports: dict[tuple[int, str], int] = {}
            for _ in range(places):
                kind = "correctional" if self.random.random() < CORRECTIONAL_SHARE else "ordinary"
                key = (self.random.randrange(1, KINDERGARTENS + 1), kind)
                reports[key] = reports.get(key, 0) + 1
            for (kindergarten, kind), count in sorted(reports.items()):
                yield self.command("vacancy", kindergarten=kindergarten, birth_year=birth_year, kind=kind, places=count)


def write(path: str, commands) -> int:
    count = 0
    with open(path, "w", encoding="utf-8") as file:
        for command in commands:
            file.write(json.dumps(command, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--register", required=True)
    parser.add_argument("--vacancies", required=True)
    arguments = parser.parse_args()

    city = City(arguments.seed)
    frame = list(city.frame())
    register = write(arguments.register, (command for part in (frame, city.applications()) for command in part))
    vacancies = write(arguments.vacancies, city.vacancies())
    print(f"{KINDERGARTENS} kindergartens, {register - len(frame)} children, "
          f"{sum(PLACES_BY_BIRTH_YEAR.values())} places in {vacancies} reports")


if __name__ == "__main__":
    main()
