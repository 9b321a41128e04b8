/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "migration-testdev": breaks migrations on demand. For tests only. */
#pragma once
#include "base/core/object.h"

extern const TypeInfo migration_testdev_types[];
extern const size_t migration_testdev_types_n;
