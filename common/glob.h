/*
 * glob.h -- patterns of paths, as configurations and options have them.
 */
#ifndef AICERT_COMMON_GLOB_H
#define AICERT_COMMON_GLOB_H

#include "common/bytes.h"

#define GLOB_PATH_MAX 4096 /* bytes; what is longer matches no glob */

/*
 * Does glob match path?  '?' is one character that is not '/', '*' any number
 * of them, '**' any number of any characters, and "**" with '/' after it also
 * nothing at all.  Everything else stands for itself.
 */
bool glob_matches(struct span glob, struct span path);

#endif
