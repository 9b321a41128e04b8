/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Models and features (features.def, models.def), and what of them the emulator has: features that
 * STFLE tells are there when the emulator's facility list says so; of the others a short list.
 */
#include <string.h>
#include "target/s390x/features.h"
#include "target/s390x/helper.h"

const char *const s390_feature_names[] = {
#define S390_FEATURE(n, nm, bit)           [n] = nm,
#define S390_FEATURE_GROUP(n, nm, members) [n] = nm,
#include "target/s390x/features.def"
};
const unsigned s390_feature_count = G_N_ELEMENTS(s390_feature_names);
G_STATIC_ASSERT(G_N_ELEMENTS(s390_feature_names) <= 64 * S390_FEATURE_WORDS);

static const int16_t facility_of[] = {
#define S390_FEATURE(n, nm, bit)           [n] = bit,
#define S390_FEATURE_GROUP(n, nm, members) [n] = -1,
#include "target/s390x/features.def"
};

/* What a group stands for; NULL: no group. */
static const char *const members_of[] = {
#define S390_FEATURE(n, nm, bit)           [n] = NULL,
#define S390_FEATURE_GROUP(n, nm, members) [n] = members,
#include "target/s390x/features.def"
};

static const struct {
    uint8_t op, fc;
    const char *feature;
} msa_functions[] = {
#define S390_MSA(op, fc, feature) { S390_MSA_##op, fc, feature },
#include "target/s390x/msa.def"
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
static const char *const untold[] = { "plo", "esop", NULL };

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
    return a->level - b->level;
}

static int feature_row(const char *name)
{
    for (unsigned k = 0; k < s390_feature_count; k++) {
        if (!strcmp(name, s390_feature_names[k])) {
            return k;
        }
    }
    return -1;
}

static void change(S390Features *f, const char *names, bool on);

void s390_feature_set(S390Features *f, unsigned n, bool on)
{
    uint64_t bit = 1ull << (n % 64), *w = &f->w[n / 64];

    if (members_of[n]) {
        change(f, members_of[n], on);
    } else {
        *w = on ? *w | bit : *w & ~bit;
    }
}

static void change(S390Features *f, const char *names, bool on)
{
    g_auto(GStrv) list = g_strsplit(names, " ", -1);

    for (char **n = list; *n; n++) {
        if (**n) {
            s390_feature_set(f, feature_row(*n), on);
        }
    }
}

bool s390_feature_whole(const S390Features *f, unsigned n)
{
    S390Features all = { { 0 } };

    if (!members_of[n]) {
        return false;
    }
    change(&all, members_of[n], true);
    for (unsigned w = 0; w < S390_FEATURE_WORDS; w++) {
        if (all.w[w] & ~f->w[w]) {
            return false;
        }
    }
    return true;
}

void s390_model_features(const S390Model *m, S390Features *out)
{
    if (!m->more) { /* no machine: what the emulator has */
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
    for (unsigned k = 0; k < G_N_ELEMENTS(msa_functions); k++) {
        s390_feature_set(out, feature_row(msa_functions[k].feature), true);
    }
}

void s390_features_msa(const S390Features *f, uint8_t functions[][16])
{
    memset(functions, 0, S390_MSA_COUNT * sizeof(functions[0]));
    for (unsigned op = 0; op < S390_MSA_COUNT; op++) {
        functions[op][0] = 0x80; /* the query */
    }
    for (unsigned k = 0; k < G_N_ELEMENTS(msa_functions); k++) {
        unsigned fc = msa_functions[k].fc;
        if (s390_features_has(f, feature_row(msa_functions[k].feature))) {
            functions[msa_functions[k].op][fc / 8] |= 0x80 >> fc % 8;
        }
    }
}

/* ---- baselines ---- */
static bool contains(const S390Features *all, const S390Features *part)
{
    for (unsigned w = 0; w < S390_FEATURE_WORDS; w++) {
        if (part->w[w] & ~all->w[w]) {
            return false;
        }
    }
    return true;
}

/* Of the models with a base, the row whose base is this one. */
static const S390Model *of_base(const S390Model *base)
{
    g_autofree char *name = g_strndup(base->name, strlen(base->name) - strlen("-base"));

    return s390_model_find(name);
}

/* The newest machine, no newer than the older of the two, whose guaranteed features both have (but for one that
 * machines may lose); of several, the type that both, or the older one, are of, else the last one. */
const S390Model *s390_model_baseline(const S390Model *a, const S390Model *b, S390Features *both)
{
    const S390Model *least = s390_model_order(a, b) <= 0 ? a : b, *best = &s390_models[0];
    unsigned type = a->generation != b->generation || a->type == b->type ? least->type : 0;
    S390Features f;

    for (unsigned k = 0; k < s390_model_count; k++) {
        const S390Model *m = &s390_models[k];
        if (!s390_model_is_base(m) || s390_model_order(m, least) > 0) {
            continue;
        }
        s390_model_features(m, &f);
        change(&f, "csske", false);
        int order = s390_model_order(m, best);
        bool better = best->type != type && (m->type == type || m->type > best->type);
        bool later = order > 0 || (order == 0 && better);
        if (contains(both, &f) && later) {
            best = m;
        }
    }
    s390_model_features(of_base(best), &f);
    for (unsigned w = 0; w < S390_FEATURE_WORDS; w++) {
        both->w[w] &= f.w[w];
    }
    return best;
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

    S390Features rest = *f;
    for (unsigned k = 0; k < s390_feature_count; k++) {
        if (s390_feature_whole(f, k)) {
            s390_feature_set(&rest, k, false);
        }
    }
    for (unsigned k = 0; k < s390_feature_count; k++) {
        if (s390_feature_whole(f, k) || s390_features_has(&rest, k)) {
            g_ptr_array_add(out, g_strdup(s390_feature_names[k]));
        }
    }
    g_ptr_array_add(out, NULL);
    return (char **)g_ptr_array_free(out, FALSE);
}
