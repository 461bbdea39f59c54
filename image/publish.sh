#!/usr/bin/env bash
# Our three programs with the runtime they need, precompiled: one folder that runs on a Debian without .NET.
. "$(dirname "$0")/lib.sh"
to=$OUT/programs
say "programs"
rm -rf "$to"
for project in appliance/Host appliance/Cli drivers/Agent; do
    dotnet publish "$project" -c Release -v q --nologo -r linux-x64 --self-contained -p:HoldfastPublish=true -p:PublishReadyToRun=true \
        -p:PathMap="$TREE=/holdfast" -p:DebugType=none -o "$to"
done
find "$to" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
du -sh "$to"
