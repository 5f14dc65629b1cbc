/* glob.c -- patterns of paths; see glob.h. */
#include "common/glob.h"

bool
glob_matches(struct span glob, struct span path)
{
	/*
	 * Where to go on after a failure: behind the last '*', with one more
	 * character taken, else behind the last '**'.  Older ones need no
	 * second try: what they could take, the last '**' can take as well,
	 * and between two '/' the leftmost match leaves the most.
	 */
	size_t g = 0, p = 0;
	size_t star = SIZE_MAX, star_p = 0, deep = SIZE_MAX, deep_p = 0;

	for (;;) {
		uint8_t c = g < glob.len ? glob.p[g] : 0;

		if (c == '*' && g + 1 < glob.len && glob.p[g + 1] == '*') {
			g += 2;
			/* "**" and '/' also match no folder at all. */
			if (g < glob.len && glob.p[g] == '/' &&
			    (p == 0 || path.p[p - 1] == '/'))
				g++;
			deep = g;
			deep_p = p;
			star = SIZE_MAX;
			continue;
		}
		if (c == '*') {
			star = ++g;
			star_p = p;
			continue;
		}
		if (g == glob.len && p == path.len)
			return true;
		if (g < glob.len && p < path.len &&
		    (c == path.p[p] || (c == '?' && path.p[p] != '/'))) {
			g++;
			p++;
			continue;
		}
		if (star != SIZE_MAX && star_p < path.len &&
		    path.p[star_p] != '/') {
			g = star;
			p = ++star_p;
			continue;
		}
		if (deep == SIZE_MAX)
			return false;
		/* A whole folder at a time where the glob says so. */
		if (deep >= 3 && glob.p[deep - 1] == '/')
			while (deep_p < path.len && path.p[deep_p] != '/')
				deep_p++;
		if (deep_p >= path.len)
			return false;
		g = deep;
		p = ++deep_p;
		star = SIZE_MAX;
	}
}
