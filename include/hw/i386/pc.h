/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC boards of this room, for the composition root's list of types. */
#pragma once
#include "base/core/object.h"

extern const TypeInfo pc_machine_types[], i440fx_machine_types[], i440fx_types[], piix_types[],
    piix4_pm_types[];
extern const size_t pc_machine_types_count, i440fx_machine_types_count, i440fx_types_count,
    piix_types_count, piix4_pm_types_count;
extern const TypeInfo microvm_types[], acpi_ged_types[];
extern const size_t microvm_types_count, acpi_ged_types_count;
extern const TypeInfo q35_machine_types[], q35_host_types[], ich9_types[], vmport_types[],
    vtd_types[];
extern const size_t q35_machine_types_count, q35_host_types_count, ich9_types_count,
    vmport_types_count, vtd_types_count;
