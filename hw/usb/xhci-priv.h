/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside the USB room: a host controller of the xHCI specification, revision 1.2 (register model 1.0).
 *
 * Invariants:
 *  1. A transfer has ended or is still wholly in its ring: nothing is under way (see hw/usb/usb.h). A ring's
 *     position is behind the last transfer that ended.
 *  2. While the VM is stopped guest memory is not touched; the stop writes each running ring's position
 *     into its endpoint context, where whoever takes the guest over finds it.
 *  3. Each step is bounded: LIMIT_* says by how much. A guest that goes further has an endpoint in the
 *     error state, or a controller with Host Controller Error.
 *  4. While the controller works for the guest (`busy`), writes to its registers by its own DMA have no
 *     effect, and wake-ups of devices wait.
 */
#pragma once
#include "hw/pci/pci.h"
#include "hw/usb/usb.h"

#define XHCI_PORTS_MAX 30 /* 15 of USB 3, 15 of USB 2 */
#define XHCI_SLOTS_MAX 64
#define XHCI_INTRS_MAX 16
#define XHCI_ENDPOINTS 32 /* by device context index; 0 is the slot's */

/* Invariant 3. */
#define LIMIT_LINKS    32u         /* link TRBs in a row */
#define LIMIT_COMMANDS 4096u       /* at one doorbell */
#define LIMIT_TDS      4096u       /* of one endpoint at one go */
#define LIMIT_TRBS     8192u       /* of one TD */
#define LIMIT_TD_BYTES (64u << 20) /* of one TD */
#define LIMIT_WAKES    1024u       /* devices that wake one another */

enum { /* TRB types */
    TRB_NORMAL = 1,
    TRB_SETUP = 2,
    TRB_DATA = 3,
    TRB_STATUS = 4,
    TRB_LINK = 6,
    TRB_EVENT_DATA = 7,
    TRB_NOOP = 8,
    TRB_ENABLE_SLOT = 9,
    TRB_DISABLE_SLOT = 10,
    TRB_ADDRESS_DEVICE = 11,
    TRB_CONFIGURE_ENDPOINT = 12,
    TRB_EVALUATE_CONTEXT = 13,
    TRB_RESET_ENDPOINT = 14,
    TRB_STOP_ENDPOINT = 15,
    TRB_SET_DEQUEUE = 16,
    TRB_RESET_DEVICE = 17,
    TRB_NOOP_COMMAND = 23,
    TRB_TRANSFER_EVENT = 32,
    TRB_COMMAND_EVENT = 33,
    TRB_PORT_EVENT = 34,
    TRB_HOST_EVENT = 37,
    TRB_WRAP_EVENT = 39,
};
/* TRB control word */
#define TRB_C       (1u << 0)
#define TRB_TC      (1u << 1) /* link: toggle cycle */
#define TRB_ED      (1u << 2) /* event: data of an event data TRB */
#define TRB_ISP     (1u << 2)
#define TRB_CH      (1u << 4)
#define TRB_IOC     (1u << 5)
#define TRB_IDT     (1u << 6)
#define TRB_BEI     (1u << 9)
#define TRB_BSR     (1u << 9) /* address device */
#define TRB_DC      (1u << 9) /* configure endpoint */
#define TRB_DIR_IN  (1u << 16)
#define TRB_TYPE(t) (((t).control >> 10) & 0x3f)

enum { /* completion codes */
    CC_SUCCESS = 1,
    CC_DATA_BUFFER = 2,
    CC_TRANSACTION = 4,
    CC_TRB = 5,
    CC_STALL = 6,
    CC_BANDWIDTH = 8,
    CC_NO_SLOTS = 9,
    CC_SLOT_NOT_ENABLED = 11,
    CC_ENDPOINT_NOT_ENABLED = 12,
    CC_SHORT_PACKET = 13,
    CC_PARAMETER = 17,
    CC_CONTEXT_STATE = 19,
    CC_EVENT_RING_FULL = 21,
    CC_COMMAND_RING_STOPPED = 24,
    CC_STOPPED = 26,
};

/* USBCMD, USBSTS */
#define CMD_RS    (1u << 0)
#define CMD_HCRST (1u << 1)
#define CMD_INTE  (1u << 2)
#define CMD_CSS   (1u << 8)
#define CMD_CRS   (1u << 9)
#define CMD_EWE   (1u << 10)
#define CMD_MASK  0x0c0fu
#define STS_HCH   (1u << 0)
#define STS_HSE   (1u << 2)
#define STS_EINT  (1u << 3)
#define STS_PCD   (1u << 4)
#define STS_SRE   (1u << 10)
#define STS_HCE   (1u << 12)
#define CRCR_RCS  (1u << 0)
#define CRCR_CS   (1u << 1)
#define CRCR_CA   (1u << 2)
#define CRCR_CRR  (1u << 3)
#define IMAN_IP   (1u << 0)
#define IMAN_IE   (1u << 1)
#define ERDP_EHB  (1u << 3)

/* PORTSC */
#define PORT_CCS       (1u << 0)
#define PORT_PED       (1u << 1)
#define PORT_PR        (1u << 4)
#define PORT_PLS_SHIFT 5
#define PORT_PLS       (0xfu << PORT_PLS_SHIFT)
#define PORT_PP        (1u << 9)
#define PORT_SPEED(s)  ((s) << 10)
#define PORT_LWS       (1u << 16)
#define PORT_CSC       (1u << 17)
#define PORT_WRC       (1u << 19)
#define PORT_PRC       (1u << 21)
#define PORT_PLC       (1u << 22)
#define PORT_CHANGES   0x00fe0000u
#define PORT_KEPT      0x0e00c200u /* power, indicators, wake enables */
#define PORT_WPR       (1u << 31)

enum { /* endpoint context: states, types */
    EP_DISABLED = 0,
    EP_RUNNING = 1,
    EP_HALTED = 2,
    EP_STOPPED = 3,
    EP_ERROR = 4,
};
enum {
    EP_ISOCH_OUT = 1,
    EP_BULK_OUT = 2,
    EP_INTERRUPT_OUT = 3,
    EP_CONTROL = 4,
    EP_ISOCH_IN = 5,
    EP_BULK_IN = 6,
    EP_INTERRUPT_IN = 7,
};
enum { /* slot context: states */
    SLOT_DISABLED = 0,
    SLOT_DEFAULT = 1,
    SLOT_ADDRESSED = 2,
    SLOT_CONFIGURED = 3,
};

typedef struct {
    uint64_t param;
    uint32_t status, control;
    uint64_t addr; /* where it lies */
} XhciTrb;

typedef struct {
    uint64_t dequeue;
    bool ccs;
} XhciRing;

typedef enum {
    RING_TRB,
    RING_EMPTY,
    RING_BAD, /* memory that is not there, links without an end */
} RingResult;

typedef struct {
    uint8_t state, type; /* DISABLED: the rest is void */
    bool woken;
    uint64_t context; /* where its endpoint context lies */
    XhciRing ring;
} XhciEndpoint;

typedef struct {
    bool enabled, addressed;
    uint64_t context; /* of the output device context; 0: none yet */
    UsbDevice *dev;   /* borrowed; NULL: gone, or not addressed */
    XhciEndpoint ep[XHCI_ENDPOINTS];
} XhciSlot;

typedef struct {
    uint32_t iman, imod, erstsz, erstba_low, erstba_high, erdp_low, erdp_high;
    bool er_pcs; /* producer cycle state */
    uint64_t er_start;
    uint32_t er_size, er_ep_idx;
} XhciIntr;

typedef struct {
    uint32_t portsc;
    unsigned usb_port; /* of the bus */
    unsigned speeds;   /* mask */
} XhciPort;

typedef struct {
    PciDevice pci; /* first */
    /* properties */
    uint32_t p2, p3, n_slots, n_intrs;
    OnOffAuto msi, msix;
    /* made of them */
    unsigned n_ports;
    UsbBus *bus;
    MemoryRegion mr, regs;
    Timer *wrap_timer;
    RunStateHandler *run_handler;
    /* registers */
    uint32_t usbcmd, usbsts, dnctrl, crcr_low, crcr_high, dcbaap_low, dcbaap_high, config;
    int64_t mfindex_start;
    XhciRing commands;
    XhciPort ports[XHCI_PORTS_MAX];
    XhciIntr intrs[XHCI_INTRS_MAX];
    XhciSlot slots[XHCI_SLOTS_MAX]; /* number - 1 */
    /* how it works */
    bool vm_running;
    bool stale;   /* slots came with a migration: their contexts are still to be read */
    bool busy;    /* invariant 4 */
    bool wakes;   /* some endpoint is woken */
    bool starved; /* work was left for want of room in an event ring */
    GArray *td;   /* XhciTrb, of the TD in hand */
} Xhci;

/* ---- xhci.c ---- */
bool xhci_running(const Xhci *s);
void xhci_die(Xhci *s, uint32_t status);
/* Begin and end of work that may reach guest memory; enter says false while there is some already. */
bool xhci_enter(Xhci *s);
void xhci_leave(Xhci *s);
void xhci_reset(Xhci *s);

/* ---- xhci-ring.c ---- */
RingResult xhci_ring_next(Xhci *s, XhciRing *ring, XhciTrb *trb);
bool xhci_read_words(Xhci *s, uint64_t addr, uint32_t *words, unsigned n);
bool xhci_write_words(Xhci *s, uint64_t addr, const uint32_t *words, unsigned n);

/* ---- xhci-event.c ---- */
typedef struct {
    unsigned type, code, slot, ep;
    uint64_t ptr;
    uint32_t length, flags; /* flags: TRB_ED */
    bool quiet;             /* no interrupt */
} XhciEvent;
void xhci_event(Xhci *s, unsigned intr, const XhciEvent *event);
/* Room for a few events more? If not, the work will be tried again when there is. */
bool xhci_event_room(Xhci *s, unsigned intr);
uint32_t xhci_intr_read(const Xhci *s, unsigned intr, unsigned reg);
void xhci_intr_write(Xhci *s, unsigned intr, unsigned reg, uint32_t value);
void xhci_update_pin(Xhci *s);
/* Can an event ring have that many entries, and be at that one? 0, 0: there is none. */
bool xhci_event_ring_ok(uint32_t size, uint32_t index);
void xhci_intr_reset(XhciIntr *intr);

/* ---- xhci-port.c ---- */
extern const UsbHostOps xhci_host_ops;
void xhci_ports_init(Xhci *s);
void xhci_ports_reset(Xhci *s);
void xhci_port_write(Xhci *s, unsigned port, uint32_t value);
/* The device at a root hub port, by its number from 1; NULL: none. */
UsbDevice *xhci_port_device(Xhci *s, unsigned number);

/* ---- xhci-command.c ---- */
void xhci_run_commands(Xhci *s);
void xhci_slot_disable(Xhci *s, unsigned slot);
/* Finds out again, from guest memory, what the slots are that came with a migration. */
void xhci_slots_revive(Xhci *s);

/* ---- xhci-transfer.c ---- */
/* Runs what the ring of an endpoint holds, as far as the device goes along. */
void xhci_kick(Xhci *s, unsigned slot, unsigned ep);
void xhci_kick_all(Xhci *s);
void xhci_ring_doorbell(Xhci *s, unsigned slot, uint32_t value);
void xhci_endpoint_set_state(Xhci *s, XhciEndpoint *ep, unsigned state);
/* Tells of the TD that waits at an endpoint which is being stopped. */
void xhci_stopped_event(Xhci *s, unsigned slot, unsigned ep);

/* ---- xhci-state.c ---- */
extern const SectionDesc xhci_section;
