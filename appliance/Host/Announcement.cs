// What a started appliance tells the person at the terminal: where it is, how to trust it, and commands that work as they stand.
using System.Security.Cryptography.X509Certificates;
using Holdfast.Features.Settings;
using Holdfast.Wire;

namespace Holdfast.Host;

/// <summary>The lines after a start.</summary>
public static class Announcement
{
    public static void Print(ApplianceSettings settings, DataFolder folder, int port, X509Certificate2 certificate, Appliance appliance)
    {
        var host = settings.Listen is "0.0.0.0" or "::" ? Environment.MachineName : settings.Listen;
        var fingerprint = Certificates.Fingerprint(certificate);
        var repository = $"{FirstStart.Admin}@{host}:{port}:main";
        var lines = new List<string>
        {
            $"holdfastd is ready: https://{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{port}",
            $"certificate fingerprint: {fingerprint}",
            $"ledger signing key:      {appliance.LedgerFingerprint}",
        };
        if (File.Exists(folder.InitialPasswordPath))
        {
            lines.Add($"password of {FirstStart.Admin}:   {folder.InitialPasswordPath}");
        }

        lines.AddRange(
        [
            "", "back up from any machine:", $"  export PBS_REPOSITORY='{repository}' PBS_FINGERPRINT='{fingerprint}'",
            "  proxmox-backup-client backup root.img:/dev/vg0/snapshot",
            "", "add to Proxmox VE:",
            $"  pvesm add pbs holdfast --server {host} --port {port} --datastore main --username {FirstStart.Admin} --password \\",
            $"    --fingerprint {fingerprint}", "",
        ]);
        Console.WriteLine(string.Join('\n', lines));
    }
}
