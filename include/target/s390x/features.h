/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models and features. A model is a machine (type, generation, level) and a set of features;
 * STFLE and the gates of instructions follow from the set. Sets are bit n for row n of features.def.
 */
#ifndef TARGET_S390X_FEATURES_H
#define TARGET_S390X_FEATURES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define S390_FEATURE_WORDS 4

typedef struct S390Features {
    uint64_t w[S390_FEATURE_WORDS];
} S390Features;

typedef struct S390Model {
    const char *name;
    uint16_t type; /* machine type, as decimal digits tell it */
    uint8_t generation, level;
    const char *base;         /* the model that its static expansion starts from */
    const char *relative;     /* what more and fewer are relative to, or NULL */
    const char *more, *fewer; /* names */
} S390Model;

extern const char *const s390_feature_names[];
extern const unsigned s390_feature_count;
extern const S390Model s390_models[];
extern const unsigned s390_model_count;

/* NULL: no such model. "qemu" and "max" have what the emulator has. */
const S390Model *s390_model_find(const char *name);
bool s390_model_is_base(const S390Model *m);
/* Less than, equal to or greater than 0, by generation and level. */
int s390_model_order(const S390Model *a, const S390Model *b);
void s390_model_features(const S390Model *m, S390Features *out);
/* What the emulator has. */
void s390_features_supported(S390Features *out);
/* The facility list of a CPU with these features. */
void s390_features_facilities(const S390Features *f, uint64_t *facilities);
/* Functions of the message-security assist, as their queries tell them, of a CPU with these features. */
void s390_features_msa(const S390Features *f, uint8_t functions[][16]);
/* Row n of features.def on or off: of a group, all that it stands for. */
void s390_feature_set(S390Features *f, unsigned n, bool on);
/* Is it a group, of which all is there? */
bool s390_feature_whole(const S390Features *f, unsigned n);
/* The machine of the baseline of two models, and the features of `both` that this machine can have. */
const S390Model *s390_model_baseline(const S390Model *a, const S390Model *b, S390Features *both);
/* Names of the set, a group's instead of all that it stands for; g_strfreev. */
char **s390_features_list(const S390Features *f);
static inline bool s390_features_has(const S390Features *f, unsigned n)
{
    return f->w[n / 64] >> (n % 64) & 1;
}

#endif
