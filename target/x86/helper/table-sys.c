/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The descriptors of helper-sys.def.
 */
#include "target/x86/helper-sys.h"

#define ARGS_0                     HARG_NONE
#define ARGS_1                     HARG_I64
#define ARGS_2                     HARG_I64, HARG_I64
#define ARGS_3                     HARG_I64, HARG_I64, HARG_I64
#define X86_HELPER(nm, ret, fl, n) HELPER(x86_##nm, ret, fl, ARGS_##n);
#include "target/x86/helper-sys.def"
