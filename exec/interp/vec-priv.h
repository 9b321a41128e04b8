/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the two files of vector functions. */
#ifndef EXEC_VEC_PRIV_H
#define EXEC_VEC_PRIV_H

#include <stdlib.h>
#include "exec/interp/bytecode.h"

BcVecFn interp_vecfp_fn(IrOp op, IrType type, IrType optype, unsigned sub);

#endif
