/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two halves of the user-mode network: the netdev (slirp.c) and its migrated state.
 */
#pragma once

#include "net-priv.h"

#include <libslirp.h>

#include "base/util/endian.h"
#include "migration/vmstate/vmstate.h"

/* Registers the section "slirp" for @slirp, to be unregistered before it is freed. Fails when
   libslirp writes a version that is not known here. VM lock held. */
Section *slirp_state_register(Vm *vm, Slirp *slirp, GError **error);
