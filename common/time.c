/* time.c -- RFC 3339 in UTC; see time.h. */
#include <stdio.h>

#include "common/text.h"
#include "common/time.h"

/* Days from 1970-01-01 to year-month-day of the Gregorian calendar. */
static int64_t
days_from_civil(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy;

	/* Years that begin in March put the leap day at the end. */
	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

enum ac_err
time_format(char out[TIME_RFC3339_LEN + 1], int64_t unix_s)
{
	int64_t days, s, era, doe, yoe, doy, mp, y, m, d;

	if (unix_s < 0 || unix_s > 253402300799)
		return AC_ERR_LIMIT;
	days = unix_s / 86400 + 719468;
	s = unix_s % 86400;
	era = days / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	d = doy - (153 * mp + 2) / 5 + 1;
	m = mp < 10 ? mp + 3 : mp - 9;
	y = yoe + era * 400 + (m <= 2);
	(void)snprintf(out, TIME_RFC3339_LEN + 1,
	    "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)y % 10000U,
	    (unsigned)m % 100U, (unsigned)d % 100U, (unsigned)(s / 3600) % 100U,
	    (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	return AC_OK;
}

bool
time_parse(int64_t *unix_s, struct span text)
{
	/* Where the six numbers begin. */
	static const uint8_t at[] = { 0, 5, 8, 11, 14, 17 };
	char again[TIME_RFC3339_LEN + 1];
	int64_t v[6], t;

	if (text.len != TIME_RFC3339_LEN)
		return false;
	for (size_t i = 0; i < 6; i++) {
		v[i] = 0;
		for (size_t k = at[i]; k < at[i] + (i == 0 ? 4u : 2u); k++)
			v[i] = v[i] * 10 + text.p[k] - '0';
	}
	if (v[1] < 1 || v[1] > 12)
		return false;
	t = days_from_civil(v[0], v[1], v[2]) * 86400 + v[3] * 3600 +
	    v[4] * 60 + v[5];
	/* 31 April and the like print as another day, as does what is no digit. */
	if (time_format(again, t) != AC_OK ||
	    !span_equal(span_str(again), text))
		return false;
	*unix_s = t;
	return true;
}
