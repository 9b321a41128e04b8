/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The error domain of base/util.
 */
#pragma once

#include <glib.h>

typedef enum UtilError {
    UTIL_ERROR_INVALID,   /* text or bytes that mean nothing */
    UTIL_ERROR_RANGE,     /* well formed, but too large or too small */
    UTIL_ERROR_TRUNCATED, /* ended too early */
    UTIL_ERROR_TRAILING,  /* went on after its end */
    UTIL_ERROR_IO,        /* the host refused */
} UtilError;

#define FERRY_UTIL_ERROR (util_error_quark())

GQuark util_error_quark(void);
