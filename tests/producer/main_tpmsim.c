/* "aicert tpm-sim" alone, for the tests of its command line. */
#include "producer/cmd_tpmsim.h"

int
main(int argc, char **argv)
{
	return cmd_tpmsim(argc, argv);
}
