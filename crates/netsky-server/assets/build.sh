#!/bin/sh
# Bundles the page's libraries into vendor/, with their licences, and writes SHA256SUMS. Run it after a change of
# package.json or codemirror.entry.js, and commit what it writes: `cargo build` needs neither npm nor a network.
set -eu
cd "$(dirname "$0")"

npm ci --ignore-scripts --no-audit --no-fund
esbuild=node_modules/.bin/esbuild

rm -rf vendor
mkdir vendor
"$esbuild" node_modules/uplot/dist/uPlot.esm.js --minify --format=esm --target=es2022 --legal-comments=none --outfile=vendor/uplot-1.6.32.js
"$esbuild" node_modules/uplot/dist/uPlot.min.css --minify --outfile=vendor/uplot-1.6.32.css
"$esbuild" codemirror.entry.js --bundle --minify --format=esm --target=es2022 --legal-comments=none --metafile=node_modules/meta.json --outfile=vendor/codemirror-6.js

# The licence file of a bundle has the licences of all packages in it.
cp node_modules/uplot/LICENSE vendor/uplot-1.6.32.LICENSE
for package in $(grep -o '"node_modules/\(@[^/"]*/\)\{0,1\}[^/"]*' node_modules/meta.json | cut -d/ -f2- | sort -u); do
    printf '%s\n\n' "$package"
    cat "node_modules/$package/LICENSE"
    printf '\n'
done > vendor/codemirror-6.LICENSE

(cd vendor && sha256sum -- *) > SHA256SUMS
rm -rf node_modules
