/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command table of disks and CD-ROM drives. */
#include "scsi-priv.h"

enum {
    DISK = 1 << 0,
    CD = 1 << 1,
    BOTH = DISK | CD,
    MEDIUM = 1 << 2, /* needs one */
};

typedef struct {
    uint8_t opcode, flags;
    void (*run)(ScsiRequest *req);
} Command;

static const Command commands[] = {
    { 0x00, BOTH | MEDIUM, scsi_good }, /* test unit ready */
    { 0x01, DISK, scsi_good },          /* rezero unit */
    { 0x08, BOTH | MEDIUM, scsi_cmd_read },
    { 0x0a, DISK | MEDIUM, scsi_cmd_write },
    { 0x0b, BOTH | MEDIUM, scsi_cmd_seek },
    { 0x12, BOTH, scsi_cmd_inquiry },
    { 0x15, BOTH, scsi_cmd_mode_select },
    { 0x16, BOTH, scsi_good }, /* reserve: there is one initiator */
    { 0x17, BOTH, scsi_good }, /* release */
    { 0x1a, BOTH, scsi_cmd_mode_sense },
    { 0x1b, BOTH, scsi_cmd_start_stop },
    { 0x1d, BOTH, scsi_good }, /* send diagnostic: the self test is passed */
    { 0x1e, BOTH, scsi_cmd_prevent },
    { 0x25, BOTH | MEDIUM, scsi_cmd_capacity10 },
    { 0x28, BOTH | MEDIUM, scsi_cmd_read },
    { 0x2a, DISK | MEDIUM, scsi_cmd_write },
    { 0x2b, BOTH | MEDIUM, scsi_cmd_seek },
    { 0x2e, DISK | MEDIUM, scsi_cmd_write },
    { 0x2f, BOTH | MEDIUM, scsi_cmd_verify },
    { 0x35, BOTH | MEDIUM, scsi_cmd_sync },
    { 0x41, DISK | MEDIUM, scsi_cmd_write_same },
    { 0x42, DISK | MEDIUM, scsi_cmd_unmap },
    { 0x43, CD | MEDIUM, scsi_cmd_toc },
    { 0x46, CD, scsi_cmd_configuration },
    { 0x4a, CD, scsi_cmd_event_status },
    { 0x51, CD | MEDIUM, scsi_cmd_disc_information },
    { 0x55, BOTH, scsi_cmd_mode_select },
    { 0x56, BOTH, scsi_good }, /* reserve */
    { 0x57, BOTH, scsi_good }, /* release */
    { 0x5a, BOTH, scsi_cmd_mode_sense },
    { 0x88, BOTH | MEDIUM, scsi_cmd_read },
    { 0x8a, DISK | MEDIUM, scsi_cmd_write },
    { 0x8e, DISK | MEDIUM, scsi_cmd_write },
    { 0x8f, BOTH | MEDIUM, scsi_cmd_verify },
    { 0x91, BOTH | MEDIUM, scsi_cmd_sync },
    { 0x93, DISK | MEDIUM, scsi_cmd_write_same },
    { 0x9e, BOTH | MEDIUM, scsi_cmd_service_in },
    { 0xa8, BOTH | MEDIUM, scsi_cmd_read },
    { 0xaa, DISK | MEDIUM, scsi_cmd_write },
    { 0xae, DISK | MEDIUM, scsi_cmd_write },
    { 0xaf, BOTH | MEDIUM, scsi_cmd_verify },
    { 0xbb, CD, scsi_good }, /* set speed */
    { 0xbd, CD, scsi_cmd_mechanism },
};

static const Command *find(const ScsiDevice *d, uint8_t opcode)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (commands[i].opcode == opcode && (commands[i].flags & (d->cd ? CD : DISK))) {
            return &commands[i];
        }
    }
    return NULL;
}

void scsi_execute(ScsiRequest *req)
{
    ScsiDevice *d = req->dev;
    const Command *cmd = find(d, req->cdb[0]);

    req->moved = 0;
    if (!cmd) {
        scsi_fail(req, SENSE_OPCODE);
    } else if (d->media_changed && req->cdb[0] != 0x12 && req->cdb[0] != 0x4a &&
               req->cdb[0] != 0x46) {
        /* the disc was changed: after "no medium" comes "another medium" */
        d->media_changed = false;
        scsi_fail(req, SENSE_MEDIUM_CHANGED);
    } else if ((cmd->flags & MEDIUM) && (!scsi_has_medium(d) || !scsi_blocks(d))) {
        scsi_fail(req, SENSE_NO_MEDIUM);
    } else {
        cmd->run(req);
    }
}
