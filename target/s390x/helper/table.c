/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The descriptors of helper.def.
 */
#include "target/s390x/helper.h"

#define ARGS_0                 HARG_NONE
#define ARGS_1                 HARG_I64
#define ARGS_2                 HARG_I64, HARG_I64
#define ARGS_3                 HARG_I64, HARG_I64, HARG_I64
#define ARGS_4                 HARG_I64, HARG_I64, HARG_I64, HARG_I64
#define ARGS_5                 HARG_I64, HARG_I64, HARG_I64, HARG_I64, HARG_I64
#define S390_HELPER(nm, fl, n) HELPER(s390_##nm, IR_I64, fl, ARGS_##n);
#include "target/s390x/helper.def"
