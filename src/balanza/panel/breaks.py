"""Breaks and definitions that no repair can mend, with what the panel does about each."""

BREAKS: tuple[tuple[str, str, str, str], ...] = (
    (
        "homicides_month",
        "2000-01 to 2021-12",
        "Deaths by month and place of OCCURRENCE; deaths whose municipality or month is not known are not in the file.",
        "National sums lie a few per cent below INEGI's totals by year of registration. The two are never mixed.",
    ),
    (
        "inegi_homicides_raw",
        "1990 to 2015",
        "Deaths by month of REGISTRATION: 5 to 8 per cent stand in the year after the death.",
        "Compared by year and not used in the panel.",
    ),
    (
        "population",
        "1990 to 2040",
        "CONAPO 2024, base 2020: the census of 2020 has shaped the figures of the years before it.",
        "One vintage for all years, never spliced. Mid-year population stands for every month of its year.",
    ),
    (
        "sesnsp",
        "2015-01",
        "A new method begins; the files of 1997 to 2017 under the older one are not comparable.",
        "SESNSP columns begin in January 2015.",
    ),
    (
        "sesnsp_rnid_state",
        "2026-01",
        "A new register (RNID) with 79 crimes: attempted homicide leaves homicide, other crimes change their content.",
        "Never spliced: the panel's SESNSP columns end before 2026.",
    ),
    (
        "guard",
        "2020-07",
        "Headquarters begin to count in Mexico City.",
        "Kept as published, or held out from July 2020 on by the switch guard_headquarters.",
    ),
    (
        "guard",
        "2021-07",
        "The published months end. Many of them repeat the month before.",
        "Missing from August 2021 on; repeats are listed.",
    ),
    (
        "jcf",
        "2020",
        "The programme's code changes from U280 to S280; the ministry of education spent on it in 2019 only.",
        "Both codes of the labour ministry are added; education's 2019 is added by the switch jcf_education.",
    ),
    (
        "jcf",
        "2019 to 2022",
        "Money is known for the country and people for the states.",
        "The amount is split by the state's share of the year's beneficiaries: a modelled figure.",
    ),
    (
        "efipem",
        "2020",
        "Preliminary figures of 16 states and Mexico City.",
        "Left out: transfers end in 2019.",
    ),
    (
        "marginalization",
        "2010, 2015, 2020",
        "All vintages are DP2 distances, where a higher value is less deprived; weights and cuts are each year's own.",
        "Levels of different years are not compared; the panel carries 2010, and 2020 beside it.",
    ),
    (
        "criminal_presence",
        "2018",
        "The source ends. It is read from the press: silence may be absence or fear.",
        "Frozen at 2018 from 2019 on.",
    ),
    (
        "mayors",
        "1989 to 2022",
        "The source has years of elections, not days of office. 417 municipalities of Oaxaca elect without parties.",
        "A winner governs from January of the year after. No party is missing, not opposed.",
    ),
    (
        "workforce_state, wage_state",
        "2020-04",
        "No survey in the second quarter of 2020.",
        "Missing in these months.",
    ),
    (
        "army_clashes",
        "2021-01",
        "The list breaks off on 2 January 2021.",
        "The last month that is whole is December 2020.",
    ),
)
"""Source, when, what changes, and what the panel does about it."""
