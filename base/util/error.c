/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The quark of the error domain.
 */
#include "base/util/error.h"

G_DEFINE_QUARK(ferry - util - error, util_error)
