/* The program's version, and those of the libraries it runs with. */
#ifndef WEIR_CLI_VERSION_H
#define WEIR_CLI_VERSION_H

#include "config.h"

#include <stdio.h>

#define WEIR_VERSION PACKAGE_VERSION
void version_print(FILE *out);

#endif
