package logistics;

public class ParcelScan {
    public String parcel;
    public String depot;
    public long scanned_at;
    public long grams;
    public Status status;
    public String note;
    public String handler;
}
