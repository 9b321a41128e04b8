/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of Intel's gigabit Ethernet controllers (8254x Software Developer's Manual, chapter 13;
 * 82574 datasheet, chapter 10): byte offsets in BAR 0, and the bits that the models look at.
 */
#pragma once

#define E1000_REG_BYTES 0x20000
#define E1000_REG_WORDS (E1000_REG_BYTES / 4)

enum {
    E1000_CTRL = 0x0000,
    E1000_CTRL_DUP = 0x0004,
    E1000_STATUS = 0x0008,
    E1000_EECD = 0x0010,
    E1000_EERD = 0x0014,
    E1000_CTRL_EXT = 0x0018,
    E1000_MDIC = 0x0020,
    E1000_VET = 0x0038,
    E1000_ICR = 0x00c0,
    E1000_ITR = 0x00c4,
    E1000_ICS = 0x00c8,
    E1000_IMS = 0x00d0,
    E1000_IMC = 0x00d8,
    E1000_RCTL = 0x0100,
    E1000_TCTL = 0x0400,
    E1000_LEDCTL = 0x0e00,
    E1000_PBA = 0x1000,
    E1000_RDBAL = 0x2800,
    E1000_RDBAH = 0x2804,
    E1000_RDLEN = 0x2808,
    E1000_RDH = 0x2810,
    E1000_RDT = 0x2818,
    E1000_RDTR = 0x2820,
    E1000_RADV = 0x282c,
    E1000_TDBAL = 0x3800,
    E1000_TDBAH = 0x3804,
    E1000_TDLEN = 0x3808,
    E1000_TDH = 0x3810,
    E1000_TDT = 0x3818,
    E1000_TIDV = 0x3820,
    E1000_TXDCTL = 0x3828,
    E1000_TADV = 0x382c,
    E1000_STATS = 0x4000, /* statistics up to 0x40ff: read-only, cleared by a read */
    E1000_MPC = 0x4010,
    E1000_FCRUC = 0x4058,
    E1000_PRC64 = 0x405c, /* six counters by size of frame */
    E1000_GPRC = 0x4074,
    E1000_BPRC = 0x4078,
    E1000_MPRC = 0x407c,
    E1000_GPTC = 0x4080,
    E1000_GORCL = 0x4088, /* 64 bits; a read of the high half clears both */
    E1000_GOTCL = 0x4090,
    E1000_ROC = 0x40ac,
    E1000_TORL = 0x40c0,
    E1000_TORH = 0x40c4,
    E1000_TOTL = 0x40c8,
    E1000_TOTH = 0x40cc,
    E1000_TPR = 0x40d0,
    E1000_TPT = 0x40d4,
    E1000_PTC64 = 0x40d8,
    E1000_MPTC = 0x40f0,
    E1000_BPTC = 0x40f4,
    E1000_STATS_END = 0x4100,
    E1000_MTA = 0x5200,  /* 128 words: hash of multicast addresses */
    E1000_RA = 0x5400,   /* 16 pairs low, high: exact addresses */
    E1000_VFTA = 0x5600, /* 128 words: VLANs */
    E1000_WUFC = 0x5808,
    E1000_MANC = 0x5820,
    E1000_SWSM = 0x5b50,
    /* 82574 only */
    E1000E_EIAC = 0x00dc,
    E1000E_IAM = 0x00e0,
    E1000E_IVAR = 0x00e4,
    E1000E_EITR = 0x00e8, /* five, to 0xf8 */
    E1000E_PSRCTL = 0x2170,
    E1000E_TARC = 0x3840,
    E1000E_RXCSUM = 0x5000,
    E1000E_RFCTL = 0x5008,
    E1000E_MRQC = 0x5818,
    E1000E_RETA = 0x5c00,
    E1000E_RSSRK = 0x5c80,
    E1000E_SYSTIML = 0xb600,
    E1000E_SYSTIMH = 0xb604,
};
#define E1000E_QUEUE 0x100 /* from the registers of queue 0 to those of queue 1 */

/* CTRL */
#define CTRL_RST     0x04000000u
#define CTRL_PHY_RST 0x80000000u
#define CTRL_VME     0x40000000u
/* STATUS */
#define STATUS_FD 0x00000001u
#define STATUS_LU 0x00000002u
/* ICR, ICS, IMS, IMC */
#define ICR_TXDW     0x00000001u
#define ICR_TXQE     0x00000002u
#define ICR_LSC      0x00000004u
#define ICR_RXDMT0   0x00000010u
#define ICR_RXO      0x00000040u
#define ICR_RXT0     0x00000080u
#define ICR_MDAC     0x00000200u
#define ICR_ASSERTED 0x80000000u
#define ICR_SRPD     0x00010000u
#define ICR_ACK      0x00020000u
#define ICR_MNG      0x00040000u
#define ICR_RXQ(n)   (0x00100000u << (n))
#define ICR_TXQ(n)   (0x00400000u << (n))
#define ICR_OTHER    0x01000000u
/* CTRL_EXT */
#define CTRL_EXT_EIAME 0x01000000u
#define CTRL_EXT_IAME  0x08000000u
/* RCTL */
#define RCTL_EN           0x00000002u
#define RCTL_SBP          0x00000004u
#define RCTL_UPE          0x00000008u
#define RCTL_MPE          0x00000010u
#define RCTL_LPE          0x00000020u
#define RCTL_RDMTS(v)     ((v) >> 8 & 3) /* free descriptors: below 1/2, 1/4, 1/8 */
#define RCTL_MO(v)        ((v) >> 12 & 3)
#define RCTL_BAM          0x00008000u
#define RCTL_BSIZE(v)     ((v) >> 16 & 3)
#define RCTL_VFE          0x00040000u
#define RCTL_PACKET_SPLIT 0x00000400u
#define RCTL_BSEX         0x02000000u
#define RCTL_SECRC        0x04000000u
/* TCTL */
#define TCTL_EN  0x00000002u
#define TCTL_PSP 0x00000008u
/* RAH */
#define RAH_VALID 0x80000000u
/* receive descriptor, status */
#define RXD_DD   0x01
#define RXD_EOP  0x02
#define RXD_IXSM 0x04
#define RXD_VP   0x08
/* transmit descriptor: command (bits of the second word), status */
#define TXD_CMD_EOP   0x01000000u
#define TXD_CMD_RS    0x08000000u
#define TXD_CMD_RPS   0x10000000u
#define TXD_CMD_DEXT  0x20000000u
#define TXD_CMD_VLE   0x40000000u
#define TXD_CMD_IDE   0x80000000u
#define TXD_DTYP      0x00f00000u /* DEXT: 0 a context, 1 data */
#define TXD_DTYP_DATA 0x00100000u
#define TXD_TSE       0x04000000u
#define TXD_TUCMD_TCP 0x01000000u
#define TXD_TUCMD_IP  0x02000000u
#define TXD_DD        0x01
/* what of a legacy descriptor's IC is: insert a checksum */
#define TXD_CMD_IC 0x04000000u
/* POPTS of a data descriptor */
#define TXD_POPTS_IXSM 0x01
#define TXD_POPTS_TXSM 0x02
