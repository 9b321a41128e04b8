/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "i6300esb": the watchdog of Intel's 6300ESB I/O controller. */
#pragma once
#include "base/core/object.h"

extern const TypeInfo i6300esb_types[];
extern const size_t i6300esb_types_n;
