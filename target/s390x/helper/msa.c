/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Message-security assist: ciphers, digests and random numbers, on Nettle. A call processes at most CHUNK
 * bytes and says so with condition code 3, which programs answer by executing the instruction again;
 * nothing is stored, and no register changed, before all that a call reads and writes was accessible (of
 * random numbers: one operand's, after the other's).
 *
 * Functions with wrapped keys and the deterministic random numbers are not there, and the query functions say
 * so, as of what the CPU's model lacks (msa.def).
 */
#include <nettle/aes.h>
#include <nettle/des.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <nettle/sha3.h>
#include <string.h>
#include <sys/random.h>
#include "base/util/endian.h"
#include "target/s390x/helper.h"

#define CHUNK 4096u

typedef struct Msa {
    CpuState *cs;
    S390Cpu *cpu;
    unsigned fc, mmu, r1, r2, r3;
    bool decipher;
    uint64_t param; /* address of the parameter block */
    S390MsaOp op;
} Msa;

static G_NORETURN void specification(Msa *m)
{
    s390_program(m->cpu, PGM_SPECIFICATION);
}

static void check_function(Msa *m)
{
    if (!(m->cpu->msa_functions[m->op][m->fc / 8] & 0x80 >> m->fc % 8)) {
        specification(m);
    }
}

/* ---- operands ---- */
static void check_register(Msa *m, unsigned r)
{
    if (!r || (r & 1)) {
        specification(m);
    }
}

static uint64_t address(Msa *m, unsigned r)
{
    return s390_cut(m->cpu, m->cpu->gpr[r]);
}

static uint64_t length(Msa *m)
{
    return s390_mode_reg(m->cpu, m->r2 + 1);
}

static void advance(Msa *m, unsigned r, uint64_t n)
{
    s390_set_mode_reg(m->cpu, r, s390_cut(m->cpu, m->cpu->gpr[r] + n));
}

/* n bytes of the second operand are done. The code. */
static unsigned consumed(Msa *m, uint64_t n)
{
    advance(m, m->r2, n);
    s390_set_mode_reg(m->cpu, m->r2 + 1, length(m) - n);
    return length(m) ? 3 : 0;
}

/* Of the parameter block. */
static void fetch(Msa *m, uint64_t at, void *buf, size_t n)
{
    cpu_ld_bytes(m->cs, at, buf, n, m->mmu);
}

static void store(Msa *m, uint64_t at, const void *buf, size_t n)
{
    cpu_st_bytes(m->cs, at, buf, n, m->mmu);
}

static void probe(Msa *m, uint64_t at, size_t n)
{
    cpu_probe_access(m->cs, at, n, MMU_ACCESS_WRITE, m->mmu);
}

/* Of the operand whose address is in register r. */
static unsigned mmu_of(Msa *m, unsigned r)
{
    return s390_mmu_operand(m->mmu, r == m->r1 ? 1 : r == m->r2 ? 2 : 3);
}

static void fetch_operand(Msa *m, unsigned r, void *buf, size_t n)
{
    cpu_ld_bytes(m->cs, address(m, r), buf, n, mmu_of(m, r));
}

static void store_operand(Msa *m, unsigned r, const void *buf, size_t n)
{
    cpu_st_bytes(m->cs, address(m, r), buf, n, mmu_of(m, r));
}

static void probe_operand(Msa *m, unsigned r, size_t n)
{
    cpu_probe_access(m->cs, address(m, r), n, MMU_ACCESS_WRITE, mmu_of(m, r));
}

/* ---- block ciphers ---- */
typedef struct Cipher {
    unsigned fc, block, key_bytes;
    bool decipher;
    union {
        struct des3_ctx des3;
        struct aes128_ctx aes128;
        struct aes192_ctx aes192;
        struct aes256_ctx aes256;
    } u;
} Cipher;

/* The XTS functions' keys are those of AES-128 and AES-256. */
static unsigned plain_function(unsigned fc)
{
    return fc == 50 ? 18 : fc == 52 ? 20 : fc;
}

static void cipher_shape(Cipher *c, unsigned fc)
{
    c->fc = plain_function(fc);
    c->block = c->fc < 18 ? 8 : 16;
    c->key_bytes = c->fc < 18 ? 8 * c->fc : 16 + 8 * (c->fc - 18);
}

static void cipher_set_key(Cipher *c, const uint8_t *key, bool decipher)
{
    uint8_t k[24];

    c->decipher = decipher;
    switch (c->fc) {
    case 18: (decipher ? aes128_set_decrypt_key : aes128_set_encrypt_key)(&c->u.aes128, key); break;
    case 19: (decipher ? aes192_set_decrypt_key : aes192_set_encrypt_key)(&c->u.aes192, key); break;
    case 20: (decipher ? aes256_set_decrypt_key : aes256_set_encrypt_key)(&c->u.aes256, key); break;
    default:
        memcpy(k, key, 8);
        memcpy(k + 8, key + (c->fc >= 2 ? 8 : 0), 8);
        memcpy(k + 16, key + (c->fc == 3 ? 16 : 0), 8);
        des3_set_key(&c->u.des3, k); /* weak keys are keys too */
    }
}

static void cipher_run(const Cipher *c, size_t n, uint8_t *to, const uint8_t *from)
{
    switch (c->fc) {
    case 18: (c->decipher ? aes128_decrypt : aes128_encrypt)(&c->u.aes128, n, to, from); break;
    case 19: (c->decipher ? aes192_decrypt : aes192_encrypt)(&c->u.aes192, n, to, from); break;
    case 20: (c->decipher ? aes256_decrypt : aes256_encrypt)(&c->u.aes256, n, to, from); break;
    default: (c->decipher ? des3_decrypt : des3_encrypt)(&c->u.des3, n, to, from);
    }
}

static void xor_bytes(uint8_t *to, const uint8_t *with, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        to[k] ^= with[k];
    }
}

/* Times alpha, as XTS has its field: the first byte is the least. */
static void xts_double(uint8_t *t)
{
    unsigned carry = 0;

    for (unsigned k = 0; k < 16; k++) {
        unsigned next = t[k] >> 7;
        t[k] = t[k] << 1 | carry;
        carry = next;
    }
    t[0] ^= carry ? 0x87 : 0;
}

static void xts_multiply(uint8_t *a, const uint8_t *b)
{
    uint8_t sum[16] = { 0 }, x[16];

    memcpy(x, a, 16);
    for (unsigned bit = 0; bit < 128; bit++) {
        if (b[bit / 8] >> bit % 8 & 1) {
            xor_bytes(sum, x, 16);
        }
        xts_double(x);
    }
    memcpy(a, sum, 16);
}

/* ---- modes: n bytes of buf in place; cv is the chaining value, and what becomes of it ---- */
static void mode_cbc(const Cipher *c, uint8_t *buf, size_t n, uint8_t *cv)
{
    uint8_t in[16];

    for (size_t k = 0; k < n; k += c->block) {
        memcpy(in, buf + k, c->block);
        if (c->decipher) {
            cipher_run(c, c->block, buf + k, in);
            xor_bytes(buf + k, cv, c->block);
            memcpy(cv, in, c->block);
        } else {
            xor_bytes(buf + k, cv, c->block);
            cipher_run(c, c->block, buf + k, buf + k);
            memcpy(cv, buf + k, c->block);
        }
    }
}

static void mode_xts(const Cipher *c, uint8_t *buf, size_t n, uint8_t *t)
{
    for (size_t k = 0; k < n; k += 16) {
        xor_bytes(buf + k, t, 16);
        cipher_run(c, 16, buf + k, buf + k);
        xor_bytes(buf + k, t, 16);
        xts_double(t);
    }
}

static void mode_ofb(const Cipher *c, uint8_t *buf, size_t n, uint8_t *cv)
{
    for (size_t k = 0; k < n; k += c->block) {
        cipher_run(c, c->block, cv, cv);
        xor_bytes(buf + k, cv, MIN(n - k, c->block));
    }
}

/* Segments of s bytes. */
static void mode_cfb(const Cipher *c, uint8_t *buf, size_t n, uint8_t *cv, unsigned s,
                     bool decipher)
{
    uint8_t in[16], out[16];

    for (size_t k = 0; k < n; k += s) {
        memcpy(in, buf + k, s);
        cipher_run(c, c->block, out, cv);
        xor_bytes(buf + k, out, s);
        memmove(cv, cv + s, c->block - s);
        memcpy(cv + c->block - s, decipher ? in : buf + k, s);
    }
}

/* As many bytes as one call does, a multiple of unit. */
static size_t portion(Msa *m, unsigned unit)
{
    uint64_t n = length(m);

    return n > CHUNK ? CHUNK - CHUNK % unit : n;
}

/* The second operand's bytes to the first, both checked, and the registers. */
static unsigned deliver(Msa *m, const uint8_t *buf, size_t n)
{
    store_operand(m, m->r1, buf, n);
    if (m->r1 != m->r2) {
        advance(m, m->r1, n);
    }
    return consumed(m, n);
}

/* KM, KMC, KMF, KMO: parameter block: chaining value and key; KM: key, and XTS parameter. */
static unsigned run_cipher(Msa *m)
{
    Cipher c;
    bool xts = m->op == S390_MSA_KM && m->fc >= 50, chained = m->op != S390_MSA_KM || xts;
    uint8_t block[16 + 32], buf[CHUNK];

    check_register(m, m->r1);
    check_register(m, m->r2);
    cipher_shape(&c, m->fc);
    unsigned unit = m->op == S390_MSA_KMF ? m->cpu->gpr[0] >> 24 & 0xff : c.block;
    if (!unit || unit > c.block || (m->op != S390_MSA_KMO && length(m) % unit)) {
        specification(m);
    }
    size_t n = portion(m, unit);
    if (!n) {
        return 0;
    }
    unsigned cv_bytes = chained ? c.block : 0, cv_at = xts ? c.key_bytes : 0;
    unsigned key_at = xts ? 0 : cv_bytes;
    fetch(m, m->param, block, cv_bytes + c.key_bytes);
    fetch_operand(m, m->r2, buf, n);
    probe_operand(m, m->r1, n);
    if (cv_bytes) {
        probe(m, m->param + cv_at, cv_bytes);
    }
    bool feedback = m->op == S390_MSA_KMF || m->op == S390_MSA_KMO;
    cipher_set_key(&c, block + key_at, m->decipher && !feedback);
    switch (m->op) {
    case S390_MSA_KMC: mode_cbc(&c, buf, n, block); break;
    case S390_MSA_KMF: mode_cfb(&c, buf, n, block, unit, m->decipher); break;
    case S390_MSA_KMO: mode_ofb(&c, buf, n, block); break;
    default:
        if (xts) {
            mode_xts(&c, buf, n, block + cv_at);
        } else {
            cipher_run(&c, n, buf, buf);
        }
    }
    if (cv_bytes) {
        store(m, m->param + cv_at, block + cv_at, cv_bytes);
    }
    return deliver(m, buf, n);
}

/* KMCTR: each block's counter is in storage, where r3 says. */
static unsigned run_counter(Msa *m)
{
    Cipher c;
    uint8_t key[32], buf[CHUNK], counters[CHUNK];

    check_register(m, m->r1);
    check_register(m, m->r2);
    check_register(m, m->r3);
    cipher_shape(&c, m->fc);
    if (length(m) % c.block) {
        specification(m);
    }
    size_t n = portion(m, c.block);
    if (!n) {
        return 0;
    }
    fetch(m, m->param, key, c.key_bytes);
    fetch_operand(m, m->r2, buf, n);
    fetch_operand(m, m->r3, counters, n);
    probe_operand(m, m->r1, n);
    cipher_set_key(&c, key, false);
    cipher_run(&c, n, counters, counters);
    xor_bytes(buf, counters, n);
    if (m->r3 != m->r1 && m->r3 != m->r2) {
        advance(m, m->r3, n);
    }
    return deliver(m, buf, n);
}

static unsigned run_mac(Msa *m)
{
    Cipher c;
    uint8_t block[16 + 32], buf[CHUNK];

    check_register(m, m->r2);
    cipher_shape(&c, m->fc);
    if (length(m) % c.block) {
        specification(m);
    }
    size_t n = portion(m, c.block);
    if (!n) {
        return 0;
    }
    fetch(m, m->param, block, c.block + c.key_bytes);
    fetch_operand(m, m->r2, buf, n);
    probe(m, m->param, c.block);
    cipher_set_key(&c, block + c.block, false);
    mode_cbc(&c, buf, n, block);
    store(m, m->param, block, c.block);
    return consumed(m, n);
}

/* ---- digests: state as the parameter block has it ---- */
typedef struct Digest {
    unsigned state, block, count; /* bytes; of the message's length in bits behind the state */
} Digest;

static Digest digest_shape(unsigned fc)
{
    static const Digest sha[] = { { 0 }, { 20, 64, 8 }, { 32, 64, 8 }, { 64, 128, 16 } };
    static const uint8_t rate[] = { 144, 136, 104, 72, 168, 136 }; /* the last two: SHAKE */

    return fc == 65   ? (Digest){ 16, 16, 0 }
           : fc >= 32 ? (Digest){ 200, rate[fc - 32], 0 }
                      : sha[fc];
}

static void get_words(uint32_t *w, unsigned n, const uint8_t *state)
{
    for (unsigned k = 0; k < n; k++) {
        w[k] = ld_be32(state + 4 * k);
    }
}

static void put_words(uint8_t *state, const uint32_t *w, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        st_be32(state + 4 * k, w[k]);
    }
}

static void sha1_blocks(uint8_t *state, const uint8_t *data, size_t n)
{
    struct sha1_ctx c;

    sha1_init(&c);
    get_words(c.state, 5, state);
    sha1_update(&c, n, data);
    put_words(state, c.state, 5);
}

static void sha256_blocks(uint8_t *state, const uint8_t *data, size_t n)
{
    struct sha256_ctx c;

    sha256_init(&c);
    get_words(c.state, 8, state);
    sha256_update(&c, n, data);
    put_words(state, c.state, 8);
}

static void sha512_blocks(uint8_t *state, const uint8_t *data, size_t n)
{
    struct sha512_ctx c;

    sha512_init(&c);
    for (unsigned k = 0; k < 8; k++) {
        c.state[k] = ld_be64(state + 8 * k);
    }
    sha512_update(&c, n, data);
    for (unsigned k = 0; k < 8; k++) {
        st_be64(state + 8 * k, c.state[k]);
    }
}

static void sha3_blocks(uint8_t *state, const uint8_t *data, size_t n, unsigned rate)
{
    struct sha3_state s;

    for (size_t k = 0; k < n; k += rate) {
        xor_bytes(state, data + k, rate);
        for (unsigned w = 0; w < 25; w++) {
            s.a[w] = ld_le64(state + 8 * w);
        }
        sha3_permute(&s);
        for (unsigned w = 0; w < 25; w++) {
            st_le64(state + 8 * w, s.a[w]);
        }
    }
}

typedef unsigned __int128 u128;

static u128 load128(const uint8_t *p)
{
    return (u128)ld_be64(p) << 64 | ld_be64(p + 8);
}

/* In the field of GCM the first bit is the least power. */
static void ghash_blocks(uint8_t *state, const uint8_t *key, const uint8_t *data, size_t n)
{
    for (size_t k = 0; k < n; k += 16) {
        u128 y = load128(state) ^ load128(data + k), v = load128(key), z = 0;
        for (unsigned b = 0; b < 128; b++, y <<= 1) {
            z ^= y >> 127 ? v : 0;
            v = v >> 1 ^ (v & 1 ? (u128)0xe1 << 120 : 0);
        }
        st_be64(state, z >> 64);
        st_be64(state + 8, z);
    }
}

/* block: the parameter block. */
static void digest_blocks(Msa *m, const Digest *d, uint8_t *block, const uint8_t *data, size_t n)
{
    switch (m->fc) {
    case 1: sha1_blocks(block, data, n); break;
    case 2: sha256_blocks(block, data, n); break;
    case 3: sha512_blocks(block, data, n); break;
    case 65: ghash_blocks(block, block + 16, data, n); break;
    default: sha3_blocks(block, data, n, d->block); break;
    }
}

/* KIMD: whole blocks. */
static unsigned run_intermediate(Msa *m)
{
    Digest d = digest_shape(m->fc);
    uint8_t block[200], buf[CHUNK];

    check_register(m, m->r2);
    if (length(m) % d.block) {
        specification(m);
    }
    size_t n = portion(m, d.block);
    if (!n) {
        return 0;
    }
    fetch(m, m->param, block, d.state + (m->fc == 65 ? 16 : 0));
    fetch_operand(m, m->r2, buf, n);
    probe(m, m->param, d.state);
    digest_blocks(m, &d, block, buf, n);
    store(m, m->param, block, d.state);
    return consumed(m, n);
}

/* SHAKE: as many bytes as the first operand is long. An interruption on the way leaves all as it was. */
static void squeeze(Msa *m, const Digest *d, uint8_t *state)
{
    uint64_t left = s390_mode_reg(m->cpu, m->r1 + 1), at = address(m, m->r1);
    static const uint8_t none[168];

    for (uint64_t done = 0; done < left; done += d->block) {
        size_t n = MIN(left - done, d->block);
        if (done) {
            sha3_blocks(state, none, d->block, d->block);
        }
        cpu_st_bytes(m->cs, s390_cut(m->cpu, at + done), state, n, mmu_of(m, m->r1));
    }
    advance(m, m->r1, left);
    s390_set_mode_reg(m->cpu, m->r1 + 1, 0);
}

/* KLMD: whole blocks, then what remains with its padding. */
static unsigned run_last(Msa *m)
{
    Digest d = digest_shape(m->fc);
    uint8_t block[216], buf[CHUNK + 2 * 168];
    bool shake = m->fc == 36 || m->fc == 37;

    if (shake) {
        check_register(m, m->r1);
    }
    check_register(m, m->r2);
    bool last = length(m) <= CHUNK - CHUNK % d.block;
    size_t n = last ? length(m) : CHUNK - CHUNK % d.block;
    fetch(m, m->param, block, d.state + d.count);
    fetch_operand(m, m->r2, buf, n);
    probe(m, m->param, d.state);
    size_t padded = n;
    if (last) {
        padded = n + 1 + d.count;
        padded += (d.block - padded % d.block) % d.block;
        memset(buf + n, 0, padded - n);
        if (d.count) {
            buf[n] = 0x80;
            memcpy(buf + padded - d.count, block + d.state, d.count);
        } else {
            buf[n] = shake ? 0x1f : 0x06;
            buf[padded - 1] |= 0x80;
        }
    }
    digest_blocks(m, &d, block, buf, padded);
    if (last && shake) {
        squeeze(m, &d, block);
    }
    store(m, m->param, block, d.state);
    return consumed(m, n);
}

/* ---- CIPHER MESSAGE WITH AUTHENTICATION ---- */
#define KMA_SUBKEY   0x100u /* in register 0: the hash subkey is there */
#define KMA_LAST_AAD 0x200u /* no more authenticated data after these */
#define KMA_LAST     0x400u /* no more text after this */

/* The parameter block of Galois counter mode. */
enum {
    GCM_COUNTER = 12,
    GCM_TAG = 16,
    GCM_SUBKEY = 32,
    GCM_LENGTHS = 48, /* of all authenticated data and all text, in bits */
    GCM_J0 = 64,
    GCM_KEY = 80,
};

/* n bytes, padded with zeros to a whole block. */
static void gcm_hash(uint8_t *b, uint8_t *data, size_t n)
{
    size_t padded = (n + 15) & ~(size_t)15;

    memset(data + n, 0, padded - n);
    ghash_blocks(b + GCM_TAG, b + GCM_SUBKEY, data, padded);
}

static void gcm_text(uint8_t *b, const Cipher *c, bool decipher, uint8_t *data, size_t n)
{
    uint8_t counter[16], key[16];

    if (decipher) {
        gcm_hash(b, data, n);
    }
    memcpy(counter, b + GCM_J0, 12);
    for (size_t k = 0; k < n; k += 16) {
        st_be32(b + GCM_COUNTER, ld_be32(b + GCM_COUNTER) + 1);
        memcpy(counter + 12, b + GCM_COUNTER, 4);
        cipher_run(c, 16, key, counter);
        xor_bytes(data + k, key, MIN(n - k, 16));
    }
    if (!decipher) {
        gcm_hash(b, data, n);
    }
}

/* How many bytes of a register pair's operand to do now; last: the rest may be a part of a block. */
static size_t gcm_portion(Msa *m, unsigned r, bool last)
{
    uint64_t n = s390_mode_reg(m->cpu, r + 1);

    if (!last && n % 16) {
        specification(m);
    }
    return MIN(n, CHUNK);
}

static unsigned run_gcm(Msa *m)
{
    Cipher c;
    uint8_t b[GCM_KEY + 32], aad[CHUNK], text[CHUNK], last[16];
    uint64_t flags = m->cpu->gpr[0];

    check_register(m, m->r1);
    check_register(m, m->r2);
    check_register(m, m->r3);
    if (m->r3 == m->r1 || m->r3 == m->r2) {
        specification(m);
    }
    cipher_shape(&c, m->fc);
    size_t na = gcm_portion(m, m->r3, flags & KMA_LAST_AAD);
    bool aad_done = (flags & KMA_LAST_AAD) && na == s390_mode_reg(m->cpu, m->r3 + 1);
    size_t n = gcm_portion(m, m->r2, flags & KMA_LAST), all = length(m);
    n = aad_done ? n : 0;
    fetch(m, m->param, b, GCM_KEY + c.key_bytes);
    fetch_operand(m, m->r3, aad, na);
    fetch_operand(m, m->r2, text, n);
    probe(m, m->param, GCM_LENGTHS);
    probe_operand(m, m->r1, n);
    cipher_set_key(&c, b + GCM_KEY, false);
    if (!(flags & KMA_SUBKEY)) {
        memset(b + GCM_SUBKEY, 0, 16);
        cipher_run(&c, 16, b + GCM_SUBKEY, b + GCM_SUBKEY);
    }
    gcm_hash(b, aad, na);
    gcm_text(b, &c, m->decipher, text, n);
    bool over = aad_done && (flags & KMA_LAST) && n == all;
    if (over) {
        gcm_hash(b, memcpy(last, b + GCM_LENGTHS, 16), 16);
        cipher_run(&c, 16, last, b + GCM_J0);
        xor_bytes(b + GCM_TAG, last, 16);
    }
    m->cpu->gpr[0] |= KMA_SUBKEY;
    advance(m, m->r3, na);
    s390_set_mode_reg(m->cpu, m->r3 + 1, s390_mode_reg(m->cpu, m->r3 + 1) - na);
    store(m, m->param, b, GCM_LENGTHS);
    unsigned cc = deliver(m, text, n);
    return over || !(cc || s390_mode_reg(m->cpu, m->r3 + 1)) ? 0 : 3;
}

/* ---- PERFORM CRYPTOGRAPHIC COMPUTATION ---- */

/* In CMAC's field the last bit is the least power. */
static void cmac_double(uint8_t *k, unsigned n)
{
    unsigned carry = k[0] >> 7;

    for (unsigned i = 0; i < n; i++) {
        k[i] = k[i] << 1 | (i + 1 < n ? k[i + 1] >> 7 : 0);
    }
    k[n - 1] ^= !carry ? 0 : n == 16 ? 0x87 : 0x1b;
}

/* The last block of a CMAC: length in bits, message, chaining value (the result), key. */
static unsigned run_cmac(Msa *m)
{
    Cipher c;
    uint8_t b[8 + 16 + 16 + 32], sub[16] = { 0 };

    cipher_shape(&c, m->fc);
    fetch(m, m->param, b, 8 + 2 * c.block + c.key_bytes);
    unsigned bits = b[0];
    uint8_t *message = b + 8, *cv = message + c.block;
    if (bits > 8 * c.block) {
        specification(m);
    }
    probe(m, m->param + 8 + c.block, c.block);
    cipher_set_key(&c, cv + c.block, false);
    cipher_run(&c, c.block, sub, sub);
    cmac_double(sub, c.block);
    if (bits < 8 * c.block) {
        cmac_double(sub, c.block);
        message[bits / 8] &= ~(0xff >> bits % 8);
        message[bits / 8] |= 0x80 >> bits % 8;
        memset(message + bits / 8 + 1, 0, c.block - bits / 8 - 1);
    }
    xor_bytes(cv, message, c.block);
    xor_bytes(cv, sub, c.block);
    cipher_run(&c, c.block, cv, cv);
    store(m, m->param + 8 + c.block, cv, c.block);
    return 0;
}

/* XTS: key, tweak, block number, bit index (where an interrupted computation stood: none here), result. */
static unsigned run_xts_parameter(Msa *m)
{
    Cipher c;
    uint8_t b[32 + 48], product[16], power[16] = { 2 };

    cipher_shape(&c, m->fc);
    fetch(m, m->param, b, c.key_bytes + 48);
    probe(m, m->param + c.key_bytes + 32, 32);
    cipher_set_key(&c, b, false);
    cipher_run(&c, 16, product, b + c.key_bytes);
    u128 number = load128(b + c.key_bytes + 16);
    for (unsigned bit = 0; bit < 128;
         bit++) { /* times alpha to the number: power is alpha^(2^bit) */
        if (number >> bit & 1) {
            xts_multiply(product, power);
        }
        uint8_t square[16];
        memcpy(square, power, 16);
        xts_multiply(power, square);
    }
    memset(power, 0, sizeof(power));
    store(m, m->param + c.key_bytes + 32, power, 16);
    store(m, m->param + c.key_bytes + 48, product, 16);
    return 0;
}

/* ---- PERFORM RANDOM NUMBER OPERATION ---- */
static void fill_random(uint8_t *buf, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = getrandom(buf + done, n - done, 0);
        done += got > 0 ? (size_t)got : 0;
    }
}

/* An operand of random bytes; whether it is finished. */
static bool random_operand(Msa *m, unsigned r)
{
    uint64_t all = s390_mode_reg(m->cpu, r + 1), n = MIN(all, CHUNK);
    uint8_t buf[CHUNK];

    if (n) {
        probe_operand(m, r, n);
        fill_random(buf, n);
        store_operand(m, r, buf, n);
        advance(m, r, n);
        s390_set_mode_reg(m->cpu, r + 1, all - n);
    }
    return n == all;
}

static unsigned run_random(Msa *m)
{
    if (m->fc == 112) { /* raw bits for so many conditioned ones */
        uint8_t ratio[8] = { 0, 0, 0, 1, 0, 0, 0, 1 };
        store(m, m->param, ratio, sizeof(ratio));
        return 0;
    }
    check_register(m, m->r1);
    check_register(m, m->r2);
    return random_operand(m, m->r1) && random_operand(m, m->r2) ? 0 : 3;
}

/* ---- the instruction ---- */
static unsigned run(Msa *m)
{
    switch (m->op) {
    case S390_MSA_KM:
    case S390_MSA_KMC:
    case S390_MSA_KMF:
    case S390_MSA_KMO: return run_cipher(m);
    case S390_MSA_KMAC: return run_mac(m);
    case S390_MSA_KIMD: return run_intermediate(m);
    case S390_MSA_KLMD: return run_last(m);
    case S390_MSA_KMCTR: return run_counter(m);
    case S390_MSA_PCC: return m->fc >= 50 ? run_xts_parameter(m) : run_cmac(m);
    case S390_MSA_KMA: return run_gcm(m);
    case S390_MSA_PRNO: return run_random(m);
    case S390_MSA_PCKMO: /* only the query */
    case S390_MSA_COUNT: break;
    }
    specification(m);
}

/* op: S390MsaOp; regs: r1, r2, r3 */
uint64_t helper_s390_msa(CpuState *cs, uint64_t op, uint64_t regs, uint64_t mmu)
{
    S390Cpu *cpu = s390_cpu(cs);
    Msa m = { .cs = cs,
              .cpu = cpu,
              .op = (S390MsaOp)op,
              .fc = cpu->gpr[0] & 0x7f,
              .decipher = cpu->gpr[0] & 0x80,
              .param = s390_cut(cpu, cpu->gpr[1]),
              .r1 = regs & 15,
              .r2 = regs >> 4 & 15,
              .r3 = regs >> 8 & 15,
              .mmu = mmu };
    bool modified = op == S390_MSA_KM || op == S390_MSA_KMC || op == S390_MSA_KMF ||
                    op == S390_MSA_KMO || op == S390_MSA_KMCTR || op == S390_MSA_KMA;

    check_function(&m);
    if (m.decipher && !modified) {
        specification(&m);
    }
    if (m.fc) {
        return run(&m);
    }
    store(&m, m.param, cpu->msa_functions[op], 16);
    return op == S390_MSA_PCKMO ? s390_cc_get(cpu) : 0;
}
