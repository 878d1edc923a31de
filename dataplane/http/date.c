/*
 * date.c - IMF-fixdate (RFC 9110, 5.6.7) from seconds since 1970, without libc's time zones.
 */
#include "http/http.h"

#include "base/ensure.h"

static void
two_digits(char *to, uint32_t n)
{
	to[0] = (char)('0' + n / 10 % 10);
	to[1] = (char)('0' + n % 10);
}

void
http_date(uint64_t unix_s, char ret[HTTP_DATE_BYTES])
{
	static const char weekday[] = "ThuFriSatSunMonTueWed"; /* day 0 was a Thursday */
	static const char month[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	uint32_t of_day = (uint32_t)(unix_s % 86400);
	uint64_t days = unix_s / 86400;
	/*
	 * Days since 0000-03-01: with March first, the leap day is the last day of a year, and
	 * month lengths repeat 31 30 31 30 31. An era is 400 years, 146,097 days.
	 */
	uint64_t shifted = days + 719468;
	uint32_t of_era = (uint32_t)(shifted % 146097);
	uint32_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint32_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint32_t from_march = (5 * of_year + 2) / 153;
	uint32_t day = of_year - (153 * from_march + 2) / 5 + 1;
	uint32_t month_i = from_march < 10 ? from_march + 2 : from_march - 10; /* 0: January */
	uint32_t year = (uint32_t)(shifted / 146097 * 400) + year_of_era + (month_i < 2);

	ensure(unix_s <= 253402300799u); /* the end of year 9999 */
	memcpy(ret, "Thu, 01 Jan 1970 00:00:00 GMT", HTTP_DATE_BYTES);
	memcpy(ret, weekday + 3 * (days % 7), 3);
	two_digits(ret + 5, day);
	memcpy(ret + 8, month + 3 * month_i, 3);
	two_digits(ret + 12, year / 100);
	two_digits(ret + 14, year);
	two_digits(ret + 17, of_day / 3600);
	two_digits(ret + 20, of_day / 60 % 60);
	two_digits(ret + 23, of_day % 60);
}
