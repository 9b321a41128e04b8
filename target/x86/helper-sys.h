/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The helpers of helper-sys.def and what their arguments mean. */
#pragma once
#include "target/x86/helper.h"

#define X86_HELPER(nm, ret, fl, n)           \
    uint64_t helper_x86_##nm(X86_HARGS_##n); \
    HELPER_DECL(x86_##nm);
#include "target/x86/helper-sys.def"

typedef enum {
    SYSREG_LDTR,
    SYSREG_TR,
    SYSREG_GDT_BASE,
    SYSREG_GDT_LIMIT,
    SYSREG_IDT_BASE,
    SYSREG_IDT_LIMIT,
    SYSREG_MSW,
} X86SysReg;

typedef enum {
    XSAVE_PLAIN,
    XSAVE_OPT,
    XSAVE_COMPACT,
    XSAVE_SUPERVISOR
} X86XsaveKind;
