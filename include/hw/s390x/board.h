/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The s390-ccw-virtio board: its types, and the way from a CPU device to its board. */
#pragma once
#include "hw/core/device.h"

typedef struct S390Board S390Board;

/* Names of the features that it has; g_strfreev. */
char **s390_cpu_device_features(Device *dev);
void s390_cpu_device_set_board(Device *dev, S390Board *board);

extern const TypeInfo s390_cpu_types[], s390_machine_types[], s390_flic_types[], s390_pci_types[],
    s390_watchdog_types[];
extern const size_t s390_cpu_types_count, s390_machine_types_count, s390_flic_types_count,
    s390_pci_types_count, s390_watchdog_types_count;
