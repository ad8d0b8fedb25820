#ifndef DENWA_CPOSTGRES_SHIM_H
#define DENWA_CPOSTGRES_SHIM_H

#include <libpq-fe.h>

#endif
