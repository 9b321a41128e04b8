#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test-firmware.py BUILDDIR: guests that come through SeaBIOS and OVMF (TAP)."""
import os
import shutil
import subprocess
import sys
import tempfile

import guest

BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(guest.TOP, "build")
OVMF = "/usr/share/OVMF"
FERRY = os.path.join(BUILD, "ferry-system-x86_64")
DISK_SERVICES = ["int13-02", "int13-41", "int13-42", "int13-43", "int13-48"]
SERVICES = [*DISK_SERVICES, "int10", "int11", "int12", "int14", "int15-88", "int15-e801", "int15-e820", "int15-2401",
            "int15-5300", "int16", "int1a-00", "int1a-02", "int1a-b101"]
FLOPPY_SERVICES = ["boot-floppy", "int13-08", "int13-02", "int13-03", "done"]


def assemble(directory, name, *defines):
    """The flat binary of tests/boot/NAME.S."""
    binary = os.path.join(directory, name + ".bin")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".S")
    subprocess.run(["gcc", "-m64", "-nostdlib", "-static", "-no-pie", *defines,
                    "-Wl,-Ttext=0x7c00,--oformat=binary,--build-id=none,-e,start",
                    "-o", binary, source], check=True)
    with open(binary, "rb") as f:
        return f.read()


def disk_of(directory, content, size=1 << 20):
    """A disk that begins with @content and has a mark in its last sector."""
    image = os.path.join(directory, "boot.img")
    with open(image, "wb") as disk:
        disk.write(content)
        disk.truncate(size)
        disk.seek(size - 512)
        disk.write(b"TEST")
    return image


def service_disk(directory, services=(), size=1 << 20):
    """A boot sector for each of @services, and one that ends the machine."""
    content = b""
    for number, service in enumerate([*services, "done"], 1):
        content += assemble(directory, "bios-service", "-D" + service.upper().replace("-", "_"), f'-DNAME="{service}"',
                            f"-DSECTOR={number}")
    return disk_of(directory, content, size)


def run(directory, *options):
    """Serial output, debug console and exit status of a machine that ends by itself."""
    debug = os.path.join(directory, "debug.txt")
    command = [FERRY, "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
               "-chardev", f"file,id=debug,path={debug}",
               "-device", "isa-debugcon,iobase=0x402,chardev=debug", *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=guest.TIMEOUT, check=False)
    with open(debug, encoding="utf-8", errors="replace") as text:
        return done.stdout.decode("utf-8", "replace"), text.read(), done


def boot_services(*options, device="virtio-blk-pci", services=SERVICES):
    """Run the services' boot sectors, one after the other. What the firmware says."""
    with tempfile.TemporaryDirectory() as directory:
        image = service_disk(directory, services)
        serial, debug, done = run(directory, "-drive", f"id=d0,if=none,file={image},format=raw", "-device",
                                  f"{device},drive=d0", "-vga", "std", *options)
    assert done.returncode == 0, done.stderr
    assert serial.replace("!", "").split() == [*services, "done"], serial + debug[-1500:]
    assert "int14" not in services or "!int14" in serial, serial
    return debug


def test_banner_and_services():
    debug = boot_services("-machine", "q35")
    assert debug.startswith("SeaBIOS (version"), debug[:200]
    assert "Running on QEMU (q35)" in debug and "fw_cfg DMA interface supported" in debug, debug


def test_services_without_smm():
    boot_services("-machine", "q35,smm=off")


def test_all_cpus_come_up():
    debug = boot_services("-machine", "q35", "-smp", "4", services=[])
    assert "Found 4 cpu(s) max supported 4 cpu(s)" in debug, debug[-3000:]


def test_services_on_pc():
    debug = boot_services("-machine", "pc", "-smp", "2")
    assert "Running on QEMU (i440fx)" in debug and "PIIX3/PIIX4 init: elcr=00 0c" in debug, debug
    boot_services("-machine", "pc,smm=off", services=["int13-42", "int16"])


def test_services_on_ide():
    """PIIX IDE and AHCI: other INT 13h code in the firmware, PIO and DMA."""
    boot_services("-machine", "q35", device="ide-hd", services=DISK_SERVICES)
    boot_services("-machine", "pc", device="ide-hd", services=DISK_SERVICES)


def test_floppy_services():
    for machine in ("pc", "q35"):
        with tempfile.TemporaryDirectory() as directory:
            image = disk_of(directory, assemble(directory, "floppy-services"), 1440 << 10)
            serial, debug, done = run(directory, "-machine", machine, "-boot", "a", "-drive",
                                      f"if=floppy,format=raw,file={image}")
            assert done.returncode == 0, done.stderr
            assert serial.split() == FLOPPY_SERVICES, serial + debug[-1500:]
            with open(image, "rb") as disk:
                disk.seek((40 * 36 + 1) * 512)
                assert disk.read(4) == b"TEST", "the disk was not written"


def test_absolute_mouse():
    """Through the backdoor port: positions and buttons, each told of by the PS/2 mouse."""
    def event(kind, **data):
        return {"type": kind, "data": data}

    with tempfile.TemporaryDirectory() as directory:
        image, path = disk_of(directory, assemble(directory, "mouse-door")), os.path.join(directory, "qmp")
        with guest.Machine(BUILD, "-nodefaults", "-drive", f"file={image},format=raw,if=virtio",
                           "-qmp", f"unix:{path},server=on,wait=off", kernel=False) as machine:
            machine.wait_for(">")
            qmp = guest.Qmp(path)
            qmp.run("input-send-event", events=[event("abs", axis="x", value=0x4000),
                                                event("abs", axis="y", value=0x1000)])
            at = machine.wait_for("08 00 80 20 ")
            qmp.run("input-send-event", events=[event("btn", button="left", down=True)])
            machine.wait_for("08 20 80 20 ", at)
            qmp.close()


def test_option_rom():
    """It prints one letter; then the disk boots."""
    # pusha; mov dx,3f8h; mov al,'R'; out dx,al; mov al,10; out dx,al; popa; retf
    rom = bytearray(bytes.fromhex("55aa01 60 baf803 b052 ee b00a ee 61 cb").ljust(512, b"\0"))
    rom[511] = -sum(rom) & 0xff
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "letter.rom"), "wb") as f:
            f.write(rom)
        image = service_disk(directory)
        serial, debug, _ = run(directory, "-L", directory, "-option-rom", "letter.rom", "-drive",
                               f"file={image},format=raw,if=virtio")
        assert serial.split() == ["R", "done"], serial + debug[-1500:]
        done = subprocess.run([FERRY, "-display", "none", "-option-rom", image], capture_output=True,
                              text=True, timeout=30, check=False)
        assert done.returncode == 1 and "begins with 55 aa" in done.stderr, done


def boots_from_network(model):
    """The card's ROM loads a program by TFTP and starts it as it would a boot sector."""
    with tempfile.TemporaryDirectory() as directory:
        image = service_disk(directory, size=1024)
        net = ["-net", "nic,model=" + model, "-net", f"user,tftp={directory},bootfile={os.path.basename(image)}"]
        serial, debug, done = run(directory, "-machine", "q35", "-boot", "n", *net)
    assert done.returncode == 0 and serial.split() == ["done"], serial + debug[-1500:]


def test_network_boot():
    for model in ("virtio-net-pci", "e1000", "e1000e") if os.environ.get("FERRY_LONG") else ("virtio-net-pci",):
        boots_from_network(model)


def test_bootindex_and_strict():
    debug = boot_services("-machine", "q35", "-boot", "strict=on", device="virtio-blk-pci,bootindex=7,addr=5", services=[])
    assert "Searching bootorder for: /pci@i0cf8/*@5" in debug, debug[-3000:]
    with tempfile.TemporaryDirectory() as directory:
        image = service_disk(directory)
        command = ["-drive", f"id=d0,if=none,file={image},format=raw", "-device",
                   "virtio-blk-pci,drive=d0", "-boot", "strict=on,reboot-timeout=100"]
        serial, debug, _ = run(directory, "-machine", "q35", *command)
    assert "No bootable device.  Retrying in" in debug and not serial, debug[-1000:]


def test_boot_menu():
    """The second disk, which nothing but the menu starts. The firmware asks on the serial port where there is no screen."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        disks = [service_disk(one), service_disk(two, ["int16"])]
        options = [word for image in disks for word in ("-drive", f"file={image},format=raw,if=virtio")]
        for menu, said in (("off", False), ("on", True)):
            with guest.Machine(BUILD, "-nodefaults", "-machine", "graphics=off", *options, "-boot",
                               f"menu={menu},splash-time=60000", kernel=False) as machine:
                if said:
                    at = machine.wait_for("Press ESC for boot menu")
                    machine.type("\x1b")
                    machine.wait_for("Select boot device", at)
                    machine.type("2")
                status, text = machine.finish()
            assert status == 0 and ("int16" in text) == said and ("boot menu" in text) == said, text


def test_duplicate_bootindex():
    with tempfile.TemporaryDirectory() as directory:
        image = service_disk(directory)
        options = []
        for name in ("a", "b"):
            options += ["-drive", f"id={name},if=none,file={image},format=raw,readonly=on",
                        "-device", f"virtio-blk-pci,drive={name},bootindex=3"]
        done = subprocess.run([FERRY, "-nodefaults", "-display", "none", *options],
                              capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "bootindex 3 has already been used" in done.stderr, done


def test_kernel_through_firmware():
    with tempfile.TemporaryDirectory() as directory:
        serial, debug, done = run(
            directory, "-machine", "q35", "-m", "512", "-smp", "2", "-bios", "bios-256k.bin",
            "-kernel", guest.guest_file("vmlinux-amd64"),
            "-initrd", guest.guest_file("initrd-amd64.gz"), "-append", "console=ttyS0")
    assert done.returncode == 0 and "BOOT-OK x86_64" in serial, serial[-2000:]
    assert "Booting from ROM" in debug, debug[-1000:]


def test_kernel_on_pc():
    """Direct, with interrupts through PIIX3's routing."""
    with tempfile.TemporaryDirectory() as directory:
        serial, _, done = run(
            directory, "-machine", "pc", "-m", "512", "-kernel", guest.guest_file("vmlinux-amd64"),
            "-initrd", guest.guest_file("initrd-amd64.gz"), "-append", "console=ttyS0")
    assert done.returncode == 0 and "BOOT-OK x86_64" in serial, serial[-2000:]


def test_missing_firmware_names_its_package():
    for options, words in ((["-bios", "bios-nowhere.bin"], "install the package seabios"),
                           (["-bios", "/nowhere/x.bin"], "there is no such file")):
        done = subprocess.run([FERRY, "-display", "none", *options], capture_output=True,
                              text=True, timeout=30, check=False)
        assert done.returncode == 1 and words in done.stderr, done


def test_bad_firmware_is_refused():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "odd.bin")
        with open(path, "wb") as image:
            image.write(b"x" * 1000)
        done = subprocess.run([FERRY, "-display", "none", "-bios", "odd.bin", "-L", directory],
                              capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "1000 bytes (a multiple of 65536" in done.stderr, done


class Uefi(guest.Machine):
    """OVMF on flash; the variables are in @variables."""

    def __init__(self, variables, *options, code="OVMF_CODE_4M.fd"):
        flash = "if=pflash,format=raw,file="
        super().__init__(BUILD, "-m", "256", "-nic", "none", "-drive",
                         f"{flash}{OVMF}/{code},readonly=on", "-drive", flash + variables, *options,
                         kernel=False)

    def wait_shell(self):
        self.type_when("in 5 seconds to skip", "\x1b")
        return self.wait_for("Shell> ")

    def type_when(self, words, keys):
        self.wait_for(words)
        self.type(keys)


def test_uefi_shell_keeps_variables():
    with tempfile.TemporaryDirectory() as directory:
        variables = os.path.join(directory, "vars.fd")
        shutil.copy(os.path.join(OVMF, "OVMF_VARS_4M.fd"), variables)
        os.chmod(variables, 0o600)
        with Uefi(variables) as machine:
            machine.wait_shell()
            machine.type("set ferry kept-in-flash\r")
            machine.type("reset -s\r")
            assert machine.finish()[0] == 0
        with Uefi(variables, "-machine", "smm=off") as machine:
            at = machine.wait_shell()
            machine.type("echo [%ferry%]\r")
            machine.wait_for("[kept-in-flash]", at)


def test_uefi_with_smm():
    """The build whose variables are served in system management mode."""
    with tempfile.TemporaryDirectory() as directory:
        variables = os.path.join(directory, "vars.fd")
        shutil.copy(os.path.join(OVMF, "OVMF_VARS_4M.fd"), variables)
        os.chmod(variables, 0o600)
        with Uefi(variables, "-smp", "2", code="OVMF_CODE_4M.secboot.fd") as machine:
            machine.wait_shell()
        with open(variables, "rb") as f, open(os.path.join(OVMF, "OVMF_VARS_4M.fd"), "rb") as g:
            assert f.read() != g.read(), "no variable was written"


EXIT = b"\xb0\x01\xe6\xf4"  # 1 to isa-debug-exit
RESET = b"\xb0\xfe\xe6\x64"  # by the i8042


def run_end(directory, end, *options):
    """The debug console and what became of firmware that writes a there, ends so, and would write b."""
    image = os.path.join(directory, "end.bin")
    with open(image, "wb") as out:
        out.write(bytes(0xfff0) + (b"\xba\x02\x04\xb0a\xee" + end + b"\xb0b\xee").ljust(16, b"\xf4"))
    _, text, done = run(directory, "-bios", image, "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
                        *options)
    return text, done


def test_nothing_runs_behind_the_end():
    with tempfile.TemporaryDirectory() as directory:
        for accel in ("tcg", "tcg,jit=off", "tcg,thread=single"):
            for end, status in ((EXIT, 3), (RESET, 0)):
                text, done = run_end(directory, end, "-accel", accel, "-smp", "2")
                assert (text, done.returncode) == ("a", status), (accel, text, done)


def test_log_shows_what_is_translated():
    wanted = ["0x000000000000fff6:  mov al, 0x1", "op 0xfff6 ", "op_opt 0xfff6 "]
    with open("/proc/cpuinfo", encoding="utf-8") as host:
        if " avx2 " in host.read():
            wanted.append("out_asm pc 0xfff6 ")
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "log")
        run_end(directory, EXIT, "-d", "in_asm,op,op_opt,out_asm", "-D", path, "-dfilter", "0xfff6+4")
        with open(path, encoding="utf-8") as log:
            text = log.read()
        assert all(piece in text for piece in wanted) and "0xfff0" not in text, text


def main():
    guest.fetch()
    return guest.run_tap([
        ("SeaBIOS boots a disk and a boot sector for each of its services works", test_banner_and_services),
        ("SeaBIOS works without system management mode", test_services_without_smm),
        ("SeaBIOS starts all CPUs", test_all_cpus_come_up),
        ("SeaBIOS boots the pc machine, with and without SMM", test_services_on_pc),
        ("SeaBIOS services work on IDE and AHCI disks", test_services_on_ide),
        ("SeaBIOS boots a floppy disk, on both machines", test_floppy_services),
        ("an absolute mouse reaches a guest through the backdoor port", test_absolute_mouse),
        ("SeaBIOS runs an option ROM", test_option_rom),
        ("network cards boot a program from the network", test_network_boot),
        ("bootindex and strict decide what is booted", test_bootindex_and_strict),
        ("the boot menu starts what is chosen", test_boot_menu),
        ("two devices cannot have one bootindex", test_duplicate_bootindex),
        ("a kernel starts through SeaBIOS", test_kernel_through_firmware),
        ("a kernel starts directly on the pc machine", test_kernel_on_pc),
        ("OVMF in flash reaches its shell and keeps variables", test_uefi_shell_keeps_variables),
        ("OVMF reaches its shell with variables in SMM", test_uefi_with_smm),
        ("nothing runs behind the write that ends the machine", test_nothing_runs_behind_the_end),
        ("-d shows the translation of what -dfilter names", test_log_shows_what_is_translated),
        ("firmware that is missing names its package", test_missing_firmware_names_its_package),
        ("firmware of an odd size is refused", test_bad_firmware_is_refused),
    ])


sys.exit(main())
