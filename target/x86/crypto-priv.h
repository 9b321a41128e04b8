/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The C versions of the cryptographic instructions, for the helpers and their tests. All pointers
 * are byte images of XMM registers; none need be aligned, and out may be an input.
 */
#ifndef TARGET_X86_CRYPTO_PRIV_H
#define TARGET_X86_CRYPTO_PRIV_H

#include <stdint.h>

typedef enum X86AesOp {
    X86_AES_ENC,
    X86_AES_ENCLAST,
    X86_AES_DEC,
    X86_AES_DECLAST,
} X86AesOp;

void x86_soft_aes(X86AesOp op, uint8_t out[16], const uint8_t a[16], const uint8_t key[16]);
void x86_soft_aesimc(uint8_t out[16], const uint8_t a[16]);
void x86_soft_aeskeygen(uint8_t out[16], const uint8_t a[16], uint8_t rcon);
void x86_soft_clmul(uint64_t out[2], uint64_t a, uint64_t b);
/* op: X86ShaOp (fpu.h), SHA1RNDS4 plus its function number */
void x86_soft_sha(unsigned op, uint32_t o[4], const uint32_t x[4], const uint32_t y[4]);
void x86_soft_sha256rnds2(uint32_t o[4], const uint32_t x[4], const uint32_t y[4],
                          const uint32_t wk[4]);

#endif
