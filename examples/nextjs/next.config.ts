import type { NextConfig } from "next";

export default {
  // This folder, even if a folder above has a lock file.
  turbopack: { root: import.meta.dirname },
} satisfies NextConfig;
