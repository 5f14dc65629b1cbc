/*
 * container.h -- is what was fetched of a container image all of it, and
 * nothing else?  Every part is bound to the pin by the digests that the
 * recorder took: pin, perhaps index, manifest, then configuration and layers.
 */
#ifndef AICERT_PRODUCER_CONTAINER_H
#define AICERT_PRODUCER_CONTAINER_H

#include "producer/image.h"
#include "producer/measure.h"

/* What the job gets of an image: variables, each NAME=value, owned. */
struct container {
	char **env;
	size_t nenv;
};

/*
 * Check the files of the folder dir_fd, which were measured as files, by name
 * as image.h has it.  AC_ERR_MISMATCH: a digest differs, the pin's too;
 * AC_ERR_FORMAT: a part is missing, or is none; else as
 * image_manifest_decode() and image_config_decode(); with *why.
 */
AC_MUST_CHECK enum ac_err container_check(struct container *out, int dir_fd,
    const struct measure_files *files, const struct digest *pin,
    struct message *why);

void container_free(struct container *c);

#endif
