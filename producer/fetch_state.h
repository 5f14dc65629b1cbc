/*
 * fetch_state.h -- trainer_state.json, as Hugging Face's Trainer and those
 * built on it write it: the few numbers that say what a training did.  Part
 * of aicert-fetch.  The training wrote the file: the numbers are its word.
 */
#ifndef AICERT_PRODUCER_FETCH_STATE_H
#define AICERT_PRODUCER_FETCH_STATE_H

#include "common/message.h"
#include "common/writer.h"

#define FETCH_STATE_MAX ((uint64_t)1 << 30) /* bytes: a line for each step */
#define FETCH_STATE_ANSWER_MAX 512

/*
 * Read fd to its end; w gets a line "name value" for each of "flops" (of
 * total_flos), "tokens" (of num_input_tokens_seen) and "steps" (of
 * global_step) that the outermost object has as a number above 0, in that
 * order, the value a decimal without exponent of at most 40 characters.
 * NaN and Infinity, which Python writes, are no numbers and no errors.
 * AC_ERR_FORMAT: not an object, cut off, or one of them twice; AC_ERR_LIMIT:
 * over FETCH_STATE_MAX; AC_ERR_IO.  *why is set.
 */
AC_MUST_CHECK enum ac_err fetch_state(struct writer *w, int fd,
    struct message *why);

#endif
