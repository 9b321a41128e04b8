/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mode word: what translated code depends on beside bytes and address (TbKey.flags).
 */
#ifndef TARGET_S390X_MODE_H
#define TARGET_S390X_MODE_H

#include "target/s390x/cpu.h"

#define MODE_BA31    0x00000001u
#define MODE_EA64    0x00000002u
#define MODE_P       0x00000004u
#define MODE_AFP     0x00000008u
#define MODE_VX      0x00000010u
#define MODE_MMU     0x000001e0u /* MMU index of storage operands */
#define MODE_FETCH   0x00000600u /* MMU index of instructions: keeps spaces apart */
#define MODE_EX      0x00000800u /* the target of an EXECUTE, modified by the next field */
#define MODE_PER     0x00001000u /* program events are recorded */
#define MODE_FP      0x00002000u /* binary floating point may be the host's (FPC_HOST_*) */
#define MODE_EX_MOD  0x00ff0000u
#define MODE_MMU_SH  5
#define MODE_FETCHSH 9
#define MODE_EX_SH   16

static inline unsigned mode_mmu(uint32_t mode)
{
    return (mode & MODE_MMU) >> MODE_MMU_SH;
}
static inline unsigned mode_fetch_mmu(uint32_t mode)
{
    return (mode & MODE_FETCH) >> MODE_FETCHSH;
}
static inline bool mode_access_registers(uint32_t mode)
{
    return mode_mmu(mode) == S390_MMU_AR;
}
static inline uint64_t mode_addr_mask(uint32_t mode)
{
    return mode & MODE_EA64 ? UINT64_MAX : mode & MODE_BA31 ? 0x7fffffff : 0xffffff;
}

#endif
