#!/usr/bin/env bash
# Our three programs with the runtime they need, precompiled: one folder that runs on a Debian without .NET. Made of the sources' text alone: where they lie, and
# whether git knows them, makes no difference.
. "$(dirname "$0")/lib.sh"
to=$OUT/programs
say "programs"
rm -rf "$to"
# Compiled anew: the compiler's results of a build with other options (make build) would be taken over as they are, and they know the path that they were made in.
find appliance drivers -path '*/obj/Release/net*/linux-x64' -type d -prune -exec rm -rf {} +
for project in appliance/Host appliance/Cli drivers/Agent; do
    dotnet publish "$project" -c Release -v q --nologo -r linux-x64 --self-contained -p:HoldfastPublish=true -p:PublishReadyToRun=true \
        -p:Version="$VERSION" -p:PathMap="$TREE=/holdfast" -p:DebugType=none -p:IncludeSourceRevisionInInformationalVersion=false -o "$to"
done
find "$to" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
du -sh "$to"
