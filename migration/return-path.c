/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages from the destination back to the source. They are hostile input as the stream is. */
#include <string.h>
#include "base/util/crc32c.h"
#include "base/util/endian.h"
#include "migration-priv.h"

bool return_send(Channel *c, StreamFormat format, ReturnType type, const void *data, size_t n,
                 GError **error)
{
    uint8_t buf[4 + 4096 + 4];
    n = MIN(n, 4096u);
    st_be16(buf, (uint16_t)type);
    st_be16(buf + 2, (uint16_t)n);
    if (n > 0) { /* READY and the like have no data */
        memcpy(buf + 4, data, n);
    }
    if (format >= STREAM_V4) {
        st_be32(buf + 4 + n, crc32c(0, buf, 4 + n));
    }
    return channel_write_all(c, buf, 4 + n + (format >= STREAM_V4 ? 4 : 0), error);
}

/* Payload bytes that each type may have. */
static bool length_ok(const ReturnMessage *msg, bool v4)
{
    switch (msg->type) {
    case RETURN_SHUT:
    case RETURN_PONG: return msg->len == 4;
    case RETURN_SWITCHOVER_ACK: return msg->len == 0;
    case RETURN_MANIFEST_OK:
    case RETURN_READY: return v4 && msg->len == 0;
    case RETURN_ERROR: return v4 && msg->len > 0 && msg->len <= 4096;
    default: return false;
    }
}

bool return_receive(Channel *c, StreamFormat format, ReturnMessage *msg, GError **error)
{
    uint8_t head[4], crc[4];
    if (!channel_read_all(c, head, sizeof(head), error)) {
        return false;
    }
    msg->type = ld_be16(head);
    msg->len = ld_be16(head + 2);
    if (!length_ok(msg, format >= STREAM_V4)) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "the destination sent an invalid message 0x%04x of %u bytes", msg->type,
                    msg->len);
        return false;
    }
    if (!channel_read_all(c, msg->data, msg->len, error)) {
        return false;
    }
    msg->data[msg->len] = '\0';
    if (format < STREAM_V4) {
        return true;
    }
    if (!channel_read_all(c, crc, sizeof(crc), error)) {
        return false;
    }
    if (crc32c(crc32c(0, head, sizeof(head)), msg->data, msg->len) != ld_be32(crc)) {
        g_set_error(error, FERRY_MIGRATION_ERROR, FERRY_MIGRATION_ERROR_STREAM,
                    "the checksum of the destination's message 0x%04x does not match", msg->type);
        return false;
    }
    return true;
}
