package logistics;

public enum Status { ARRIVED, DEPARTED, LOST, OTHER }
