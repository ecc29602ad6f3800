/* SPDX-License-Identifier: MIT */
/*
 * date.c -- dates and times of XEP-0082, both ways.
 *
 * Days are counted as Howard Hinnant's "chrono-compatible low-level date
 * algorithms" describe: years start in March, so that the leap day is last,
 * and 400 years are one era of 146,097 days.
 */
#include <stdio.h>

#include "text.h"

#define DAY_MS INT64_C(86400000)

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t
days_of(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = floor_div(y, 400);
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;
    of_year += day - 1;
    int64_t days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return era * 146097 + days - 719468;
}

static void
date_of(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t d = z - era * 146097;
    int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    int64_t of_year = d - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = y + era * 400 + (*month <= 2);
}

void
cnc__datetime(char out[32], int64_t unix_ms)
{
    int64_t days = floor_div(unix_ms, DAY_MS);
    int64_t ms = (unix_ms % DAY_MS + DAY_MS) % DAY_MS, year;
    int month, day;
    date_of(days, &year, &month, &day);
    int n = snprintf(out, 32, "%04lld-%02d-%02dT%02d:%02d:%02d",
                     (long long)year, month, day, (int)(ms / 3600000),
                     (int)(ms / 60000 % 60), (int)(ms / 1000 % 60));
    if (ms % 1000 != 0) {
        n += snprintf(out + n, (size_t)(32 - n), ".%03d", (int)(ms % 1000));
    }
    snprintf(out + n, (size_t)(32 - n), "Z");
}

/* Exactly n digits at *s, or -1. */
static int
digits(const char **s, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++, (*s)++) {
        if (**s < '0' || **s > '9') {
            return -1;
        }
        v = v * 10 + (**s - '0');
    }
    return v;
}

static bool
eat(const char **s, char c)
{
    if (**s != c) {
        return false;
    }
    (*s)++;
    return true;
}

static bool
parse_day(const char **s, int64_t *days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30,
                                  31, 31, 30, 31, 30, 31};
    int year = digits(s, 4);
    if (year < 1 || !eat(s, '-')) {
        return false;
    }
    int month = digits(s, 2);
    if (month < 1 || month > 12 || !eat(s, '-')) {
        return false;
    }
    int day = digits(s, 2);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    int last = lengths[month - 1] + (month == 2 && leap);
    if (day < 1 || day > last) {
        return false;
    }
    *days = days_of(year, month, day);
    return true;
}

/* Nothing (taken as UTC), Z, or +hh:mm up to 14:00. */
static bool
parse_zone(const char **s, int64_t *offset_ms)
{
    *offset_ms = 0;
    if (**s == '\0' || eat(s, 'Z')) {
        return **s == '\0';
    }
    bool minus = **s == '-';
    if (!minus && **s != '+') {
        return false;
    }
    (*s)++;
    int h = digits(s, 2);
    if (h < 0 || !eat(s, ':')) {
        return false;
    }
    int m = digits(s, 2);
    if (m < 0 || m > 59 || h * 60 + m > 14 * 60 || **s != '\0') {
        return false;
    }
    *offset_ms = (minus ? -1 : 1) * INT64_C(60000) * (h * 60 + m);
    return true;
}

static bool
parse_time(const char **s, int64_t *ms)
{
    int h = digits(s, 2);
    if (h < 0 || !eat(s, ':')) {
        return false;
    }
    int m = digits(s, 2);
    if (m < 0 || m > 59 || !eat(s, ':')) {
        return false;
    }
    int sec = digits(s, 2);
    if (sec < 0 || sec > 59) {
        return false;
    }
    int fraction = 0, scale = 100;
    bool rest = false;
    if (eat(s, '.')) {
        if (**s < '0' || **s > '9') {
            return false;
        }
        for (; **s >= '0' && **s <= '9'; (*s)++, scale /= 10) {
            fraction += (**s - '0') * scale;
            rest = rest || **s != '0';
        }
    }
    /* 24:00:00 is the end of the day, and nothing after it is. */
    if (h > 24 || (h == 24 && (m != 0 || sec != 0 || rest))) {
        return false;
    }
    *ms = ((h * 60 + m) * 60 + sec) * INT64_C(1000) + fraction;
    return true;
}

int
cnc__parse_datetime(int64_t *unix_ms, const char *s)
{
    int64_t days, ms, offset;
    if (!parse_day(&s, &days) || !eat(&s, 'T') || !parse_time(&s, &ms) ||
        !parse_zone(&s, &offset)) {
        return CNC_ESYNTAX;
    }
    *unix_ms = days * DAY_MS + ms - offset;
    return 0;
}

int
cnc__parse_date(const char *s)
{
    int64_t days, offset;
    return parse_day(&s, &days) && parse_zone(&s, &offset) ? 0 : CNC_ESYNTAX;
}
