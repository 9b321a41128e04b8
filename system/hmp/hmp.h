/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The human monitor's commands, by file; the table is in commands.c. */
#pragma once
#include "system/qmp/qmp.h"

/* Run a QMP command; NULL after printing an error. {"return": {}} is an empty object. */
Json *hmp_qmp(HmpCall *call, const char *command, Json *args);

/* info.c */
void hmp_info_version(HmpCall *call);
void hmp_info_status(HmpCall *call);
void hmp_info_name(HmpCall *call);
void hmp_info_uuid(HmpCall *call);
void hmp_info_kvm(HmpCall *call);
void hmp_info_cpus(HmpCall *call);
void hmp_info_hotpluggable_cpus(HmpCall *call);
void hmp_info_registers(HmpCall *call);
void hmp_info_lapic(HmpCall *call);
void hmp_info_pic(HmpCall *call);
void hmp_info_mtree(HmpCall *call);
void hmp_info_qtree(HmpCall *call);
void hmp_info_usb(HmpCall *call);
void hmp_info_qom_tree(HmpCall *call);
void hmp_info_block(HmpCall *call);
void hmp_info_blockstats(HmpCall *call);
void hmp_info_network(HmpCall *call);
void hmp_info_chardev(HmpCall *call);
void hmp_info_pci(HmpCall *call);
void hmp_info_ramblock(HmpCall *call);
void hmp_info_memdev(HmpCall *call);
void hmp_info_memory_size_summary(HmpCall *call);
void hmp_info_memory_devices(HmpCall *call);
void hmp_info_roms(HmpCall *call);
void hmp_info_mice(HmpCall *call);
void hmp_info_balloon(HmpCall *call);
void hmp_info_iothreads(HmpCall *call);
void hmp_info_jit(HmpCall *call);
void hmp_info_trace_events(HmpCall *call);

/* migration.c */
void hmp_migrate(HmpCall *call);
void hmp_migrate_incoming(HmpCall *call);
void hmp_migrate_cancel(HmpCall *call);
void hmp_migrate_continue(HmpCall *call);
void hmp_migrate_set_capability(HmpCall *call);
void hmp_migrate_set_parameter(HmpCall *call);
void hmp_announce_self(HmpCall *call);
void hmp_info_migrate(HmpCall *call);
void hmp_info_migrate_capabilities(HmpCall *call);
void hmp_info_migrate_parameters(HmpCall *call);

/* memory.c */
void hmp_x(HmpCall *call);
void hmp_xp(HmpCall *call);
void hmp_memsave(HmpCall *call);
void hmp_pmemsave(HmpCall *call);
