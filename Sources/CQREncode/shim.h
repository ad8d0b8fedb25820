#ifndef DENWA_CQRENCODE_SHIM_H
#define DENWA_CQRENCODE_SHIM_H

#include <qrencode.h>

#endif
