/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "pci-testdev": counts accesses to its BARs, for tests of how fast and by which way they arrive. */
#pragma once
#include "base/core/object.h"

extern const TypeInfo pci_testdev_types[];
extern const size_t pci_testdev_types_n;
