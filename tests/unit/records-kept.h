/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fields that a device need not send on as they came, and why. All others must come back to the bit, or be
 * refused. What these became must stay from then on.
 */
#pragma once

typedef struct {
    const char *path; /* "record.field", * stands for anything */
    const char *why;
} NotKept;

static const NotKept not_kept[] = {
    { "*PCIDevice.version_id", "names the format, not a state: all up to ours are taken" },

    /* what follows from other fields, or from the machine */
    { "PIIX3.pci_irq_levels_vmstate", "the levels of the pins are as the devices drive them" },
    { "acpi_build.patched", "the tables are in guest memory, or not" },
    { "apic.count_shift", "from divide_conf" },
    { "apic.next_time", "from timer_expiry" },
    { "apic.timer_expiry", "from the count, where the timer is one of counts" },
    { "apic.apicbase", "the address moves only in the bits that the register has" },
    { "cpu.env.hflags", "from the control registers and segments" },
    { "cpu.env.xstate_bv", "all parts of the state are sent" },
    { "cpu.env.tsc", "goes on from here with the clock" },
    { "cpu/msr_tscdeadline*", "armed only where the APIC timer is in that mode" },
    { "cpu.env.mcg_cap", "the CPU's own" },
    { "cpu.env.mp_state", "the APIC's sipi state and halted say it" },
    { "cpu.env.sipi_vector", "the APIC's" },
    { "cpu.env.has_error_code", "of an exception that was delivered" },
    { "cpu_common.interrupt_request", "the lines are as the devices drive them" },
    { "fw_cfg/acpi_mr*", "the sizes of the blocks, which come with RAM" },
    { "globalstate.*", "the run state that was, for installing only; `size` is its length" },
    { "i8254*next_transition_time", "from the count" },
    { "pit channel.next_transition_time", "from the count" },
    { "ide_drive/tray_state*", "a drive without a medium has its tray as it is" },
    { "mc146818rtc.base_rtc", "the date is one in range; the clock goes on from it" },
    { "mc146818rtc.offset", "part of a second" },
    { "mc146818rtc.last_update", "the clock goes on from it" },
    { "mc146818rtc.cmos_data", "the date's registers are from the clock" },
    { "ringsize_state.num_default", "the device's own" },
    { "dma_regs.now", "from the base registers where the channel is idle" },
    { "*tmr.timer", "from the clock" },
    { "ahci.control_regs.version", "the device's own" },
    { "vga.vbe_bank_mask", "the device's own" },

    { "timer.cpu_*_offset", "the clocks' readings, taken anew" },
    { "cpu.env.pfault_*", "of a handshake (DIAGNOSE X'258') that no guest here is offered" },
    { "fdc/result_timer*", "armed only while a result is due" },
    { "qemu-s390-flic-full.*", "the queues say what is pending" },
    { "sclpconsole.*",
      "input that waits, moved to the front of its buffer; its length, three times" },
    { "s390_subch_dev.no_data_count", "inside a command, between which alone a device is moved" },
    { "s390_chp_info.*", "the board's own channel paths" },
    { "s390_css.*", "the board's own limits; flags" },

    /* what the register would not take, were it written there */
    { "PIIX3/rcr.rcr", "two bits" },
    { "apic.spurious_vec", "reserved bits" },
    { "apic.divide_conf", "reserved bits" },
    { "apic.dest_mode", "four bits" },
    { "apic_sipi*", "a flag" },
    { "cpu.env.a20_mask", "one line" },
    { "cpu.env.dr", "fixed bits of DR6 and DR7" },
    { "cpu.env.cr[[]0[]]", "ET is always set" },
    { "cpu.env.eflags", "bits that are always zero or one" },
    { "cpu.env.hflags2", "only the blocked NMI" },
    { "cpu.env.nmi_pending", "a flag" },
    { "segment.*", "attributes of a descriptor, a 16-bit selector" },
    { "ioapic.irr", "the wired pins" },
    { "ide_bus/error*", "a request that is to be tried again needs its drive" },
    { "ide_drive.*", "a flag, or a bit field" },
    { "ide_drive/atapi*", "a flag of a drive with a tray" },
    { "*ncq*", "a request that is to be tried again needs its drive" },
    { "ahci port.port_state", "a flag of a port with a drive" },
    { "ide bmdma*", "reserved bits; a transfer is to be tried again or it is idle" },
    { "pckbd.pending_tmp", "from the status" },
    { "piix4_pm.ar.pm1.evt.*", "reserved bits" },
    { "*acpi_regs.pm1.evt.*", "reserved bits" },
    { "pmsmb.i2c_enable", "a flag" },
    { "ich9_smb.irq_enabled", "a flag" },
    { "ps2mouse.mouse_d*", "a movement that fits the next packets" },
    { "serial.fcr_vmstate", "reserved bits" },
    { "serial/poll*", "the line's state is the host's" },
    { "serial/tsr*", "as often as a character is tried" },
    { "smbus-device.data_*", "the bytes that a transfer has, and no more" },
    { "vga.ar_flip_flop", "a flag" },
    { "vga.vbe_regs", "a mode that the memory holds" },
    { "virtio_pci/modern_queue_state.*",
      "32 bits that the driver wrote; the ring's address is virtio's" },
    { "migration-testdev-part.part", "none is sent where it is 0" },
    { "virtqueue_state.*", "the ring's parts follow its start in a legacy device" },
};
