/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86-64 host backend as the rest of exec/ sees it. On other hosts host_available() is false
 * and nothing else is called.
 */
#ifndef EXEC_HOST_H
#define EXEC_HOST_H

#include "exec/engine.h"

typedef struct Tb Tb;
typedef struct TbLink TbLink;
typedef struct HostCode HostCode; /* of an engine: code memory and common code */

/* AVX2, BMI2, FMA and the like are there. */
bool host_available(void);

#endif
