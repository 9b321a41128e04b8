/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types of the NVMe room: the controller "nvme", its bus, and namespaces "nvme-ns". */
#pragma once

#include "base/core/object.h"

extern const TypeInfo nvme_types[], nvme_ns_types[];
extern const size_t nvme_types_count, nvme_ns_types_count;
