/*
 * energy.h -- what the machine says it used: joules of its processors by RAPL
 * (the kernel's powercap folder) and of its GPUs by NVML.  A counter that is
 * not there, or fails on the way, is a figure that is not stated: never a 0.
 *
 * The counters are the whole machine's, and wrap around: whoever reads them
 * has to, oftener than they do.  RAPL's do after some 260 kJ, minutes under
 * full load.
 */
#ifndef AICERT_PRODUCER_ENERGY_H
#define AICERT_PRODUCER_ENERGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define ENERGY_SYSFS "/sys"
#define ENERGY_NVML "libnvidia-ml.so.1"
#define ENERGY_GPUS_MAX 64
#define ENERGY_GPU_NAME_MAX 96 /* NVML_DEVICE_NAME_V2_BUFFER_SIZE */

/* Which parts of the machine are told apart. */
enum energy_part { ENERGY_CPU, ENERGY_DRAM, ENERGY_GPU, ENERGY_PARTS };

struct energy;

/*
 * Look for counters below sysfs, and for GPUs by the library nvml (NULL: not
 * at all), and read them for the first time.  What is not there is no error.
 * AC_ERR_MEMORY.
 */
AC_MUST_CHECK enum ac_err energy_open(struct energy **out, const char *sysfs,
    const char *nvml);

/* Read them again. */
void energy_read(struct energy *e);

/* *mj = millijoules of the part since energy_open(); false: not known. */
AC_MUST_CHECK bool energy_used(const struct energy *e, enum energy_part part,
    uint64_t *mj);

/* GPUs that NVML knows, and the name of one, UTF-8 as it says; never NULL. */
size_t energy_gpus(const struct energy *e);
const char *energy_gpu_name(const struct energy *e, size_t i);

void energy_free(struct energy *e);

#endif
