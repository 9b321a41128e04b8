/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Models and features (features.def, models.def), and what of them the emulator has: features that
 * STFLE tells are there when the emulator's facility list says so; of the others a short list.
 */
#include <string.h>
#include "target/s390x/features.h"
#include "target/s390x/helper.h"

const char *const s390_feature_names[] = {
#define S390_FEATURE(n, nm, bit) [n] = nm,
#include "target/s390x/features.def"
};
const unsigned s390_feature_count = G_N_ELEMENTS(s390_feature_names);
G_STATIC_ASSERT(G_N_ELEMENTS(s390_feature_names) <= 64 * S390_FEATURE_WORDS);

static const int16_t facility_of[] = {
#define S390_FEATURE(n, nm, bit) [n] = bit,
#include "target/s390x/features.def"
};

const S390Model s390_models[] = {
#define S390_MODEL(nm, ty, gen, lv, ba, rel, mo, fe) \
    { .name = nm,                                    \
      .type = ty,                                    \
      .generation = gen,                             \
      .level = lv,                                   \
      .base = ba,                                    \
      .relative = rel,                               \
      .more = mo,                                    \
      .fewer = fe },
#include "target/s390x/models.def"
    /* machine type of what they are closest to */
    { .name = "qemu", .type = 8561, .generation = 15, .level = 1, .base = "gen15a-base" },
    { .name = "max", .type = 8561, .generation = 15, .level = 1, .base = "gen15a-base" },
};
const unsigned s390_model_count = G_N_ELEMENTS(s390_models);

/* Implemented, and not told by STFLE. */
static const char *const untold[] = { "plo", NULL };

const S390Model *s390_model_find(const char *name)
{
    for (unsigned k = 0; k < s390_model_count; k++) {
        if (!strcmp(s390_models[k].name, name)) {
            return &s390_models[k];
        }
    }
    return NULL;
}

bool s390_model_is_base(const S390Model *m)
{
    return g_str_has_suffix(m->name, "-base");
}

int s390_model_order(const S390Model *a, const S390Model *b)
{
    if (a->generation != b->generation) {
        return a->generation - b->generation;
    }
    return a->level != b->level ? a->level - b->level : a->type - b->type;
}

static void change(S390Features *f, const char *names, bool on)
{
    g_auto(GStrv) list = g_strsplit(names, " ", -1);

    for (char **n = list; *n; n++) {
        for (unsigned k = 0; k < s390_feature_count; k++) {
            if (!strcmp(*n, s390_feature_names[k])) {
                uint64_t bit = 1ull << (k % 64);
                f->w[k / 64] = on ? f->w[k / 64] | bit : f->w[k / 64] & ~bit;
            }
        }
    }
}

void s390_model_features(const S390Model *m, S390Features *out)
{
    if (!m->more) {
        s390_features_supported(out);
        return;
    }
    *out = (S390Features){ { 0 } };
    if (m->relative) {
        s390_model_features(s390_model_find(m->relative), out);
    }
    change(out, m->more, true);
    change(out, m->fewer, false);
}

static bool facility_offered(unsigned n)
{
    return s390_facility_list[n / 64] >> (63 - n % 64) & 1;
}

void s390_features_supported(S390Features *out)
{
    *out = (S390Features){ { 0 } };
    for (unsigned k = 0; k < s390_feature_count; k++) {
        bool have = facility_of[k] >= 0 ? facility_offered(facility_of[k])
                                        : g_strv_contains(untold, s390_feature_names[k]);
        out->w[k / 64] |= (uint64_t)have << (k % 64);
    }
}

/* Facilities without a name stay as the emulator has them. */
void s390_features_facilities(const S390Features *f, uint64_t *facilities)
{
    memcpy(facilities, s390_facility_list, sizeof(s390_facility_list));
    for (unsigned k = 0; k < s390_feature_count; k++) {
        unsigned n = facility_of[k] >= 0 ? facility_of[k] : 0;
        if (facility_of[k] >= 0 && !s390_features_has(f, k)) {
            facilities[n / 64] &= ~(1ull << (63 - n % 64));
        }
    }
}

char **s390_features_list(const S390Features *f)
{
    GPtrArray *out = g_ptr_array_new();

    for (unsigned k = 0; k < s390_feature_count; k++) {
        if (s390_features_has(f, k)) {
            g_ptr_array_add(out, g_strdup(s390_feature_names[k]));
        }
    }
    g_ptr_array_add(out, NULL);
    return (char **)g_ptr_array_free(out, FALSE);
}
